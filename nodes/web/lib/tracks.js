/** The two cues of a clip: what they are called, and their values in units a person can read. */

import { MOTION_MAX } from "./curve.js";
import { say } from "./words.js";

/**
 * `input` and `number` name the node's inputs: the drawn curve, and the constant that holds while none is drawn.
 * `offset` is how many frames after a frame its value sits: motion belongs to the step to the next frame.
 */
export const TRACKS = {
  motion: { name: "motion", label: "Motion", input: "motion_curve", number: "motion", top: MOTION_MAX, offset: 0.5 },
  appearance: {
    name: "appearance",
    label: "Appearance",
    input: "appearance_curve",
    number: "appearance",
    top: 1,
    offset: 0,
  },
};

export const other = (name) => (name === "motion" ? "appearance" : "motion");

/** Height 0..1 of a cue -> its value as the node's inputs and outputs give it. */
export const valueText = (name, y) => (name === "motion" ? String(Math.round(y * MOTION_MAX)) : y.toFixed(2));

/**
 * Height 0..1 of the motion cue -> how much an average pixel changes each frame, in % of full scale.
 * The scale belongs to the weights; "" while no run has told it.
 */
export function percentText(y, motionScale) {
  return motionScale ? `${Number(((100 * y * MOTION_MAX) / motionScale).toPrecision(2))} %` : "";
}

/** "motion 520 = 5.2 % of full scale per frame" */
export function spoken(name, y, motionScale) {
  const value = `${say(name)} ${valueText(name, y)}`;
  const percent = name === "motion" ? percentText(y, motionScale) : "";
  return percent ? `${value} = ${say("{percent} of full scale per frame", { percent })}` : value;
}

/** Position 0..1 in the clip -> "frame 7 (0.88 s)" */
export function positionText(x, { frames, fps }) {
  const frame = x * (frames - 1);
  const shown = Math.abs(frame - Math.round(frame)) < 0.005 ? Math.round(frame) : frame.toFixed(1);
  return say("frame {frame} ({seconds} s)", { frame: shown, seconds: (frame / fps).toFixed(2) });
}
