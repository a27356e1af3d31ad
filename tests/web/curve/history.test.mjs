import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../../../nodes/web/lib/curve/history.js";

test("redo restores what undo took back, until the next change", () => {
  const history = new History();
  history.push("a");
  history.push("b");
  assert.equal(history.undo("c"), "b");
  assert.equal(history.undo("b"), "a");
  assert.equal(history.undo("a"), undefined);
  assert.equal(history.redo("a"), "b");
  history.push("b");
  assert.equal(history.redo("x"), undefined);
});

test("history keeps only the latest changes", () => {
  const history = new History(2);
  for (const step of ["a", "b", "c"]) history.push(step);
  assert.equal(history.undo("d"), "c");
  assert.equal(history.undo("c"), "b");
  assert.equal(history.undo("b"), undefined);
});
