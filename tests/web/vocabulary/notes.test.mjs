import assert from "node:assert/strict";
import { test } from "node:test";
import { merged, remaining, wordsOf } from "../../../nodes/web/lib/vocabulary/notes.js";

const RED_CAR = { text: "red car", values: {}, words: ["red", "car"] };
const ENTRY = { weights: "mini", unknown: ["dragon", "猫"], notes: [RED_CAR] };

test("words are those of the server: any script, without genitives and punctuation", () => {
  assert.deepEqual([...wordsOf("The panda's (CAT:1) cafe\u0301 猫，🐼 don’t")], [
    "the", "panda", "cat", "1", "café", "猫", "🐼", "don’t",
  ]); // biome-ignore format: one line
});

test("a warning goes with its words, and stays while the text is not known", () => {
  assert.deepEqual(remaining([ENTRY], "a red car, a dragon and 猫"), { unknown: ENTRY.unknown, notes: [RED_CAR] });
  assert.deepEqual(remaining([ENTRY], "dragonfly on a red star"), { unknown: [], notes: [] });
  assert.deepEqual(remaining([ENTRY], null), { unknown: ENTRY.unknown, notes: [RED_CAR] });
  assert.deepEqual(remaining([ENTRY, ENTRY], "dragon").unknown, ["dragon"]);
});

test("what a run said of an earlier text stays known for the same weights", () => {
  const now = { weights: "mini", unknown: ["moon"], notes: [] };
  assert.deepEqual(merged(ENTRY, now), { weights: "mini", unknown: ["dragon", "猫", "moon"], notes: [RED_CAR] });
  assert.deepEqual(merged(ENTRY, { ...now, weights: "other" }), { ...now, weights: "other" });
  assert.deepEqual(merged(undefined, now), now);
});
