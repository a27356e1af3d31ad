/** Frames and seconds of a playing video. A frame is on the screen from index / fps until the next one's time. */

import { say } from "./words.js";

export const frameAt = (seconds, fps, frames) => Math.min(frames - 1, Math.max(0, Math.floor(seconds * fps + 1e-3)));

/** A time safely inside a frame: its middle. */
export const timeOf = (frame, fps) => (frame + 0.5) / fps;

/** "frame 7/15 · 0.88 s": frames count from 0, as the Cue Schedule's axis does. */
export const frameText = (frame, { frames, fps }) =>
  say("frame {frame}/{last} · {seconds} s", { frame, last: frames - 1, seconds: (frame / fps).toFixed(2) });

/** "448×256 · 8 fps · video_00001_.mp4" */
export const fileText = ({ width, height, fps, filename }) => `${width}×${height} · ${fps} fps · ${filename}`;
