import assert from "node:assert/strict";
import { test } from "node:test";
import { constant, evaluator, format, parse } from "../../nodes/web/lib/curve.js";
import * as edits from "../../nodes/web/lib/edits.js";
import { presets } from "../../nodes/web/lib/presets.js";

const ramp = {
  points: [
    [0, 0],
    [0.5, 0.2],
    [1, 1],
  ],
  interpolation: "linear",
};

test("a new point goes between its neighbours", () => {
  const { curve, index } = edits.insert(ramp, 0.25, 0.9);
  assert.deepEqual(curve.points, [
    [0, 0],
    [0.25, 0.9],
    [0.5, 0.2],
    [1, 1],
  ]);
  assert.equal(index, 1);
});

test("a new point before the first and after the last", () => {
  const middle = { points: [[0.5, 0.5]], interpolation: "linear" };
  assert.equal(edits.insert(middle, 0.1, 0).index, 0);
  assert.equal(edits.insert(middle, 0.9, 0).index, 1);
});

test("a new point where one already is moves that one", () => {
  const { curve, index } = edits.insert(ramp, 0.5, 0.7);
  assert.deepEqual(curve.points, [
    [0, 0],
    [0.5, 0.7],
    [1, 1],
  ]);
  assert.equal(index, 1);
});

test("there is an end to new points", () => {
  const full = { points: Array.from({ length: edits.MAX_POINTS }, (_, i) => [i / 500, 0]), interpolation: "step" };
  assert.equal(edits.insert(full, 0.9, 0.5).index, -1);
  assert.equal(edits.insert(full, 0.9, 0.5).curve, full);
});

test("a moved point stays in the picture and between its neighbours", () => {
  assert.deepEqual(edits.move(ramp, 1, 2, -3, 0.1).points[1], [0.9, 0]);
  assert.deepEqual(edits.move(ramp, 0, -1, 9, 0.1).points[0], [0, 1]);
  assert.deepEqual(edits.move(ramp, 2, 0, 0.5, 0.1).points[2], [0.6, 0.5]);
});

test("a point without room keeps its place and takes the height", () => {
  const tight = {
    points: [
      [0.4, 0],
      [0.45, 0.5],
      [0.5, 1],
    ],
    interpolation: "linear",
  };
  assert.deepEqual(edits.move(tight, 1, 0.9, 0.1, 0.1).points[1], [0.45, 0.1]);
});

test("moving leaves the curve it was given alone", () => {
  const before = structuredClone(ramp);
  edits.move(ramp, 1, 0.7, 0.7, 0.1);
  edits.insert(ramp, 0.7, 0.7);
  edits.remove(ramp, 1);
  assert.deepEqual(ramp, before);
});

test("the last point cannot be removed", () => {
  assert.equal(edits.remove(ramp, 1).points.length, 2);
  const one = { points: [[0.5, 0.5]], interpolation: "linear" };
  assert.equal(edits.remove(one, 0), one);
});

test("points snap to frames unless free", () => {
  assert.equal(edits.snap(0.49, 5), 0.5);
  assert.equal(edits.snap(0.49, 5, true), 0.49);
  assert.equal(edits.snap(1.4, 5), 1);
});

test("undo and redo walk the same way back and forth", () => {
  const history = new edits.History();
  history.push("a");
  history.push("b");
  assert.equal(history.undo("c"), "b");
  assert.equal(history.undo("b"), "a");
  assert.equal(history.undo("a"), undefined);
  assert.equal(history.redo("a"), "b");
  history.push("b");
  assert.equal(history.redo("x"), undefined);
});

test("history forgets the oldest changes", () => {
  const history = new edits.History(2);
  for (const step of ["a", "b", "c"]) history.push(step);
  assert.equal(history.undo("d"), "c");
  assert.equal(history.undo("c"), "b");
  assert.equal(history.undo("b"), undefined);
});

for (const frames of [2, 3, 8, 16, 32, 1024]) {
  test(`every preset is a valid curve on the frame grid of ${frames} frames`, () => {
    for (const { id, curve } of presets(frames)) {
      assert.deepEqual(parse(format(curve)).points.length, curve.points.length, id);
      for (const [x] of curve.points) assert.ok(Math.abs(x * (frames - 1) - Math.round(x * (frames - 1))) < 1e-9, id);
    }
  });
}

test("presets do what their names say", () => {
  const at = Object.fromEntries(presets(32).map(({ id, curve }) => [id, evaluator(curve)]));
  assert.ok(at.ramp_up(0) < 0.2 && at.ramp_up(1) > 0.8);
  assert.ok(at.ramp_down(0) > 0.8 && at.ramp_down(1) < 0.2);
  assert.ok(at.pulse(0.5) > 0.8 && at.pulse(0) < 0.2 && at.pulse(1) < 0.2);
  assert.ok(at.ease_in_out(0.5) - at.ease_in_out(0.4) > at.ease_in_out(0.1) - at.ease_in_out(0));
  assert.ok(at.bounce(0.2) < at.bounce(0) && at.bounce(0.4) > at.bounce(0.2) && at.bounce(0.4) < at.bounce(0));
  assert.ok(at.freeze_then_go(0.3) === 0 && at.freeze_then_go(0.7) > 0.5);
});

test("a constant is level", () => assert.equal(evaluator(constant(0.3))(0.77), 0.3));
