/** Frames and seconds of a playing video. Frame i is shown from i / fps to (i + 1) / fps seconds. */

import { translate } from "../language/translate.js";

export const frameAt = (seconds, fps, frames) => Math.min(frames - 1, Math.max(0, Math.floor(seconds * fps + 1e-3)));

/** The time in the middle of a frame, safe from rounding. */
export const timeOf = (frame, fps) => (frame + 0.5) / fps;

/** "frame 7 of 0–15 · 0.88 s": frames count from 0, as on the Cue Schedule's axis. */
export const frameText = (frame, { frames, fps }) =>
  translate("frame {frame} of 0–{last} · {seconds} s", { frame, last: frames - 1, seconds: (frame / fps).toFixed(2) });

/** "448×256 · 8 fps · video_00001_.mp4" */
export const fileText = ({ width, height, fps, filename }) => `${width}×${height} · ${fps} fps · ${filename}`;
