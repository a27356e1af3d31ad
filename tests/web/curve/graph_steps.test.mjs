import assert from "node:assert/strict";
import { test } from "node:test";

import { leaveSteps, queuesOf } from "../../../nodes/web/lib/curve/graph_steps.js";

// a state is "curve seed", such as "b 1"
const sameCurves = (a, b) => a[0] === b[0];
const equal = (a, b) => a === b;

/** A tracker after an editor's undo or redo has led to `now`, which the page has recorded as a change. */
function after(direction, { undo, redo = [], state }, now) {
  const tracker = { undoQueue: undo, redoQueue: redo, activeState: state };
  const earlier = queuesOf(tracker);
  tracker.undoQueue.push(state);
  tracker.redoQueue.length = 0;
  tracker.activeState = now;
  leaveSteps(tracker, earlier, direction, sameCurves, equal);
  return [tracker.undoQueue, tracker.redoQueue];
}

test("an undo is one step back in the page's history", () => {
  assert.deepEqual(after("undo", { undo: ["a 1", "b 1"], state: "c 1" }, "b 1"), [["a 1"], ["c 1"]]);
});

test("a redo is one step forward", () => {
  const before = { undo: ["a 1"], redo: ["d 1", "c 1"], state: "b 1" };
  assert.deepEqual(after("redo", before, "c 1"), [["a 1", "b 1"], ["d 1"]]);
});

test("an undo of several edits that the editor has merged", () => {
  assert.deepEqual(after("undo", { undo: ["a 1", "b 1", "c 1"], state: "d 1" }, "a 1"), [[], ["d 1"]]);
});

test("after another change of the graph, the next undo takes back both, and no curve returns", () => {
  assert.deepEqual(after("undo", { undo: ["a 1", "b 1"], state: "b 2" }, "a 2"), [["a 1"], ["b 2"]]);
});

test("an undo to curves that the page does not know is a new step", () => {
  const before = { undo: ["A 0", "A 1"], redo: ["c 1"], state: "b 1" };
  assert.deepEqual(after("undo", before, "a 1"), [["A 0", "A 1", "b 1"], []]);
});

test("without a change the history stays", () => {
  const tracker = { undoQueue: ["a 1"], redoQueue: ["c 1"], activeState: "b 1" };
  leaveSteps(tracker, queuesOf(tracker), "undo", sameCurves, equal);
  assert.deepEqual([tracker.undoQueue, tracker.redoQueue], [["a 1"], ["c 1"]]);
});
