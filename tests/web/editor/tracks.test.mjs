import assert from "node:assert/strict";
import { test } from "node:test";
import { frameTicks } from "../../../nodes/web/lib/curve/geometry.js";
import { lengthText, percentText, positionText, spokenText } from "../../../nodes/web/lib/editor/tracks.js";

test("values have units", () => {
  assert.equal(percentText(0.52, 10_000), "5.2 %");
  assert.equal(percentText(0.52, null), "");
  assert.equal(spokenText("motion", 0.52, null), "motion 520");
  assert.equal(positionText(7 / 15, { frames: 16, fps: 8 }), "frame 7 of 0–15 (0.88 s)");
  assert.equal(positionText(0.5, { frames: 16, fps: 8 }), "frame 7.5 of 0–15 (0.94 s)");
  assert.equal(spokenText("motion", 0.52, 20_000), "motion 520 = 2.6 % of full brightness per frame");
  assert.equal(spokenText("appearance", 0.8, 20_000), "appearance 0.80");
});

test("all texts count frames from 0, as the axis does", () => {
  const clip = { frames: 16, fps: 8 };
  assert.equal(lengthText(clip), "16 frames (0–15), 2.0 s");
  assert.equal(positionText(1, clip), "frame 15 of 0–15 (1.88 s)");
  assert.equal(frameTicks(clip.frames, 900).at(-1), 15);
});
