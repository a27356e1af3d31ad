import assert from "node:assert/strict";
import { test } from "node:test";
import { percentText, positionText, spokenText } from "../../../nodes/web/lib/editor/tracks.js";

test("values have units", () => {
  assert.equal(percentText(0.52, 10_000), "5.2 %");
  assert.equal(percentText(0.52, null), "");
  assert.equal(spokenText("motion", 0.52, null), "motion 520");
  assert.equal(positionText(7 / 15, { frames: 16, fps: 8 }), "frame 7 (0.88 s)");
  assert.equal(positionText(0.5, { frames: 16, fps: 8 }), "frame 7.5 (0.94 s)");
  assert.equal(spokenText("motion", 0.52, 20_000), "motion 520 = 2.6 % of full brightness per frame");
  assert.equal(spokenText("appearance", 0.8, 20_000), "appearance 0.80");
});
