/** The two curves of a clip, one per cue: their names, and their values as text with units. */

import { MOTION_MAX } from "../curve/curve.js";
import { translate } from "../language/translate.js";

/**
 * `input` and `number` are inputs of the node: the drawn curve, and the constant that is used while none is drawn.
 * `top` is the cue's value at height 1. `offset` is the position of a value in frames after its frame: a motion value
 * belongs to the step to the next frame.
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

export const otherTrack = (name) => (name === "motion" ? "appearance" : "motion");

/** Height 0..1 of a cue -> its value in the unit of the node's inputs and outputs. */
export const valueText = (name, y) => (name === "motion" ? String(Math.round(y * MOTION_MAX)) : y.toFixed(2));

/**
 * Height 0..1 of the motion cue -> mean change of a pixel per frame, in % of full brightness.
 * "" before the first run, since the scale belongs to the weights.
 */
export function percentText(y, motionScale) {
  return motionScale ? `${Number(((100 * y * MOTION_MAX) / motionScale).toPrecision(2))} %` : "";
}

/** For screen readers: "motion 520 = 5.2 % of full brightness per frame" */
export function spokenText(name, y, motionScale) {
  const value = `${translate(name)} ${valueText(name, y)}`;
  const percent = name === "motion" ? percentText(y, motionScale) : "";
  return percent ? `${value} = ${translate("{percent} of full brightness per frame", { percent })}` : value;
}

/** Position 0..1 in the clip -> "frame 7 of 0–15 (0.88 s)": frames count from 0, as on the axis. */
export function positionText(x, { frames, fps }) {
  const frame = x * (frames - 1);
  const number = Math.abs(frame - Math.round(frame)) < 0.005 ? Math.round(frame) : frame.toFixed(1);
  const values = { frame: number, last: frames - 1, seconds: (frame / fps).toFixed(2) };
  return translate("frame {frame} of 0–{last} ({seconds} s)", values);
}

/** "16 frames (0–15), 2.0 s" */
export const lengthText = ({ frames, fps }) =>
  translate("{frames} frames (0–{last}), {seconds} s", {
    frames,
    last: frames - 1,
    seconds: (frames / fps).toFixed(1),
  });
