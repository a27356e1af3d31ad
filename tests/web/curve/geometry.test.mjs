import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluator } from "../../../nodes/web/lib/curve/curve.js";
import * as geometry from "../../../nodes/web/lib/curve/geometry.js";

const plot = geometry.plotOf(400, 300);

test("positions convert to pixels and back", () => {
  for (const v of [0, 0.3, 1]) {
    assert.ok(Math.abs(plot.x(plot.px(v)) - v) < 1e-12);
    assert.ok(Math.abs(plot.y(plot.py(v)) - v) < 1e-12);
  }
});

test("positions outside the plot are clamped to its edges", () => {
  assert.deepEqual([plot.x(-50), plot.x(5000), plot.y(-50), plot.y(5000)], [0, 1, 1, 0]);
});

test("the Beziers of a smooth path are the curve", () => {
  const curve = {
    points: [
      [0, 0.1],
      [0.3, 0.9],
      [0.4, 0.85],
      [1, 0.2],
    ],
    interpolation: "monotone_cubic",
  };
  const unit = { left: 0, right: 1e4, px: (x) => x * 1e4, py: (y) => y * 1e4 };
  const numbers = geometry
    .curvePath(curve, unit)
    .match(/[\d.]+/g)
    .map((v) => v / 1e4);
  const height = evaluator(curve);
  let [x0, y0] = [numbers[1 + 1], numbers[1]];
  for (let at = 3; at + 6 <= numbers.length; at += 6) {
    const [x1, y1, x2, y2, x3, y3] = numbers.slice(at, at + 6);
    for (const t of [0.25, 0.5, 0.75]) {
      const s = 1 - t;
      const mix = (a, b, c, d) => s ** 3 * a + 3 * s * s * t * b + 3 * s * t * t * c + t ** 3 * d;
      assert.ok(Math.abs(mix(y0, y1, y2, y3) - height(mix(x0, x1, x2, x3))) < 1e-4);
    }
    [x0, y0] = [x3, y3];
  }
});

test("a step path has horizontal and vertical lines only", () => {
  const path = geometry.curvePath(
    {
      points: [
        [0, 0],
        [0.5, 1],
      ],
      interpolation: "step",
    },
    plot,
  );
  assert.match(path, /^M[\d. ]+H[\d.]+H[\d.]+V[\d.]+H[\d.]+$/);
});

test("frame labels start at 0, are evenly spaced and do not overlap", () => {
  for (const [frames, width] of [
    [2, 300],
    [16, 300],
    [32, 200],
    [1024, 300],
  ]) {
    const ticks = geometry.frameTicks(frames, width);
    assert.equal(ticks[0], 0);
    assert.ok(ticks.at(-1) <= frames - 1);
    if (ticks.length > 1) assert.ok((ticks[1] * width) / (frames - 1) >= 30);
    assert.ok(ticks.every((tick, i) => tick === i * (ticks[1] ?? 0)));
  }
});

test("the nearest point within reach is hit, and none outside", () => {
  const points = [
    [0, 0],
    [0.5, 0.5],
    [1, 1],
  ];
  assert.equal(geometry.nearest(points, plot, plot.px(0.5) + 5, plot.py(0.5) - 5, 10), 1);
  assert.equal(geometry.nearest(points, plot, plot.px(0.5) + 50, plot.py(0.5), 10), -1);
});

test("motion values sit between frames, appearance values on them", () => {
  assert.deepEqual(geometry.polyline([100, 300], 1000, 0.5, 3), [
    [0.25, 0.1],
    [0.75, 0.3],
  ]);
  assert.deepEqual(geometry.polyline([0, 0.5, 1], 1, 0, 3), [
    [0, 0],
    [0.5, 0.5],
    [1, 1],
  ]);
});
