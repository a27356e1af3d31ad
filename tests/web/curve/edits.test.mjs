import assert from "node:assert/strict";
import { test } from "node:test";
import * as edits from "../../../nodes/web/lib/curve/edits.js";

const ramp = {
  points: [
    [0, 0],
    [0.5, 0.2],
    [1, 1],
  ],
  interpolation: "linear",
};

test("a new point is inserted between its neighbors", () => {
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

test("a new point at the x of another one moves that one", () => {
  const { curve, index } = edits.insert(ramp, 0.5, 0.7);
  assert.deepEqual(curve.points, [
    [0, 0],
    [0.5, 0.7],
    [1, 1],
  ]);
  assert.equal(index, 1);
});

test("a full curve takes no more points", () => {
  const full = { points: Array.from({ length: edits.MAX_POINTS }, (_, i) => [i / 500, 0]), interpolation: "step" };
  assert.equal(edits.insert(full, 0.9, 0.5).index, -1);
  assert.equal(edits.insert(full, 0.9, 0.5).curve, full);
});

test("a moved point stays in the plot and between its neighbors", () => {
  assert.deepEqual(edits.move(ramp, 1, 2, -3, 0.1).points[1], [0.9, 0]);
  assert.deepEqual(edits.move(ramp, 0, -1, 9, 0.1).points[0], [0, 1]);
  assert.deepEqual(edits.move(ramp, 2, 0, 0.5, 0.1).points[2], [0.6, 0.5]);
});

test("a point without room between its neighbors keeps its x and takes the height", () => {
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

test("edits do not change the curve in place", () => {
  const before = structuredClone(ramp);
  edits.move(ramp, 1, 0.7, 0.7, 0.1);
  edits.insert(ramp, 0.7, 0.7);
  edits.remove(ramp, 1, 0.5);
  assert.deepEqual(ramp, before);
});

test("without the only point that was added, a curve is the constant again", () => {
  const level = 1 / 3; // a text has 5 decimals of it
  const ends = [0, 1].map((x) => [x, 0.33333]);
  const curve = (points) => ({ points, interpolation: "step" });
  assert.equal(edits.remove(curve([ends[0], [0.4, 0.9], ends[1]]), 1, level), null);
  assert.deepEqual(edits.remove(curve([ends[0], [0.4, 0.9], ends[1]]), 1, 0.5), curve(ends), "another constant");
  assert.equal(edits.remove(curve([ends[0], [1, 0.9]]), 1, level), null);
});

test("points that somebody placed stay, even at the height of the constant", () => {
  const flat = [0, 0.4, 0.6, 1].map((x) => [x, 0.5]);
  const { points } = edits.remove({ points: flat, interpolation: "linear" }, 1, 0.5);
  assert.deepEqual(points, flat.toSpliced(1, 1));
});

test("without its last point, a curve is the constant", () => {
  assert.equal(edits.remove(ramp, 1, 0.5).points.length, 2);
  assert.equal(edits.remove({ points: [[0.5, 0.2]], interpolation: "linear" }, 0, 0.5), null);
});

test("points snap to frames, unless free", () => {
  assert.equal(edits.snap(0.49, 5), 0.5);
  assert.equal(edits.snap(0.49, 5, true), 0.49);
  assert.equal(edits.snap(1.4, 5), 1);
});
