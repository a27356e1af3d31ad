import assert from "node:assert/strict";
import { test } from "node:test";
import { bounded } from "../../../nodes/web/lib/curve/numbers.js";

test("numbers and their texts stay within the bounds", () => {
  const cases = { 5: 5, "1e9": 10, "-3": 0, " 7 ": 7, "1e400": 10 };
  for (const [text, expected] of Object.entries(cases)) assert.equal(bounded(text, 0, 10, 2), expected);
  assert.equal(bounded(1e9, 0, 10, 2), 10);
});

test("everything else that JSON can hold is the fallback", () => {
  const others = ["", " ", "x", null, undefined, true, [5], {}, { valueOf: 1, toString: 1 }, Number.NaN];
  for (const value of others) assert.equal(bounded(value, 0, 10, 2), 2);
});
