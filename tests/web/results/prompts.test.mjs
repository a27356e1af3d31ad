import assert from "node:assert/strict";
import { test } from "node:test";
import { QueuedPrompts } from "../../../nodes/web/lib/results/prompts.js";

test("a prompt has its workflow until it has ended", () => {
  const queued = new QueuedPrompts();
  const [first, second] = [{}, {}];
  queued.add("a", first);
  queued.add("b", second);
  queued.end({ prompt_id: "a" });
  queued.end({ prompt_id: "of another page" });
  assert.equal(queued.workflowOf("a"), undefined);
  assert.equal(queued.workflowOf("b"), second);
  queued.end({ prompt_id: "b", exception_type: "ValueError" });
  assert.equal(queued.count, 0);
});

test("a prompt goes on after the error of a node that was blocked", () => {
  const queued = new QueuedPrompts();
  const workflow = {};
  queued.add("a", workflow);
  queued.end({ prompt_id: "a", exception_type: "ExecutionBlocked" });
  assert.equal(queued.workflowOf("a"), workflow);
});

test("prompts whose end is never told are forgotten, the oldest first", () => {
  const queued = new QueuedPrompts(3);
  for (const id of "abcde") queued.add(id, id);
  assert.equal(queued.count, 3);
  assert.deepEqual(
    [..."abcde"].map((id) => queued.workflowOf(id)),
    [undefined, undefined, "c", "d", "e"],
  );
});
