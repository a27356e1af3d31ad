import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as curves from "../../../nodes/web/lib/curve/curve.js";

const cases = JSON.parse(readFileSync(new URL("../../data/curve_cases.json", import.meta.url)));

function assertClose(actual, expected, message) {
  assert.ok(Math.abs(actual - expected) <= 1e-9, `${message}: ${actual}, expected ${expected}`);
}

/** Numbers in 0..1 that are the same in every run. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}

for (const { name, points, interpolation, at } of cases.heights) {
  test(`height: ${name}`, () => {
    const height = curves.evaluator({ points, interpolation });
    for (const [x, y] of at) assertClose(height(x), y, `at ${x}`);
  });
}

for (const { name, frames, values, ...curve } of cases.motion) {
  test(`motion: ${name}`, () => assert.deepEqual(curves.motionValues(curve, frames), values));
}

for (const { name, frames, values, ...curve } of cases.appearance) {
  test(`appearance: ${name}`, () => {
    const factors = curves.appearanceFactors(curve, frames);
    assert.equal(factors.length, values.length);
    for (const [i, v] of factors.entries()) assertClose(v, values[i], `frame ${i}`);
  });
}

for (const { text, names } of cases.refused) {
  test(`invalid: ${text}`, () =>
    assert.throws(
      () => curves.parse(text),
      (error) => error.message.includes(names),
    ));
}

test("a formatted curve parses to the same curve", () => {
  for (const { points, interpolation } of cases.heights) {
    assert.deepEqual(curves.parse(curves.format({ points, interpolation })), { points, interpolation });
  }
});

test("a smooth curve stays between neighboring points and passes through them", () => {
  const next = random(7);
  for (let round = 0; round < 200; round++) {
    const xs = Array.from({ length: 2 + Math.floor(next() * 9) }, next).sort((a, b) => a - b);
    const points = xs.map((x) => [x, Math.round(next() * 10) / 10]);
    const height = curves.evaluator({ points, interpolation: "monotone_cubic" });
    for (let k = 0; k + 1 < points.length; k++) {
      const [[x0, y0], [x1, y1]] = [points[k], points[k + 1]];
      assertClose(height(x0), y0, `point ${k}`);
      const heights = Array.from({ length: 21 }, (_, i) => height(x0 + ((x1 - x0) * i) / 20));
      const rise = Math.sign(y1 - y0);
      heights.forEach((y, i) => {
        assert.ok(y >= Math.min(y0, y1) - 1e-9 && y <= Math.max(y0, y1) + 1e-9);
        if (i > 0) assert.ok((y - heights[i - 1]) * rise >= -1e-9, `not monotone between ${x0} and ${x1}`);
      });
    }
  }
});

test("a simplified polyline is within the tolerance of every point", () => {
  const points = Array.from({ length: 40 }, (_, i) => [i / 39, 0.5 + 0.4 * Math.sin(i / 5)]);
  const few = curves.simplify(points, 0.03);
  const height = curves.evaluator({ points: few, interpolation: "linear" });
  assert.ok(few.length < 15, `${few.length} points`);
  for (const [x, y] of points) assert.ok(Math.abs(height(x) - y) <= 0.03 + 1e-9);
  assert.deepEqual(curves.simplify(curves.constant(0.3).points, 0.01), curves.constant(0.3).points);
});

test("a constant is level", () => assert.equal(curves.evaluator(curves.constant(0.3))(0.77), 0.3));

test("points at nearly the same position have finite slopes", () => {
  const points = [
    [0, 0.2],
    [5e-324, 1],
    [0.5, 0.9],
    [1, 0],
  ];
  assert.ok(curves.monotoneSlopes(points).every(Number.isFinite));
});
