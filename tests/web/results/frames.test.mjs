import assert from "node:assert/strict";
import { test } from "node:test";
import { fileText, frameAt, frameText, timeOf } from "../../../nodes/web/lib/results/frames.js";

test("the middle of each frame is in that frame, at any rate", () => {
  for (const fps of [0.5, 8, 12.5, 24, 29.97, 60]) {
    for (let frame = 0; frame < 100; frame++) assert.equal(frameAt(timeOf(frame, fps), fps, 100), frame);
  }
});

test("a frame includes its first moment, in spite of rounding", () => {
  for (let frame = 0; frame < 100; frame++) assert.equal(frameAt(frame / 29.97, 29.97, 100), frame);
});

test("times outside the video give its first or last frame", () => {
  assert.equal(frameAt(-1, 8, 16), 0);
  assert.equal(frameAt(9, 8, 16), 15);
});

test("texts below the video", () => {
  assert.equal(frameText(7, { frames: 16, fps: 8 }), "frame 7 of 0–15 · 0.88 s");
  assert.equal(fileText({ width: 448, height: 256, fps: 8, filename: "a.mp4" }), "448×256 · 8 fps · a.mp4");
});
