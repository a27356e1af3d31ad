/** Preset curves, with their points on frames of the clip. */

import { translate } from "../language/translate.js";
import { snap } from "./edits.js";

const LOW = 0.1;
const HIGH = 0.9;

const SHAPES = [
  {
    id: "ramp_up",
    label: "Ramp up",
    interpolation: "linear",
    points: [
      [0, LOW],
      [1, HIGH],
    ],
  },
  {
    id: "ramp_down",
    label: "Ramp down",
    interpolation: "linear",
    points: [
      [0, HIGH],
      [1, LOW],
    ],
  },
  {
    id: "pulse",
    label: "Pulse",
    interpolation: "monotone_cubic",
    points: [
      [0, LOW],
      [0.25, LOW],
      [0.5, HIGH],
      [0.75, LOW],
      [1, LOW],
    ],
  },
  {
    id: "ease_in_out",
    label: "Ease in-out",
    interpolation: "monotone_cubic",
    points: [
      [0, LOW],
      [0.2, 0.16],
      [0.5, 0.5],
      [0.8, 0.84],
      [1, HIGH],
    ],
  },
  {
    id: "bounce",
    label: "Bounce",
    interpolation: "monotone_cubic",
    points: [
      [0, HIGH],
      [0.2, LOW],
      [0.4, 0.7],
      [0.6, LOW],
      [0.8, 0.45],
      [1, LOW],
    ],
  },
  {
    id: "freeze_then_go",
    label: "Freeze, then go",
    interpolation: "step",
    points: [
      [0, 0],
      [0.5, 0.7],
    ],
  },
];

/** [{id, label, curve}] for a clip with this number of frames. Of points on the same frame the last one counts. */
export function presets(frames) {
  return SHAPES.map(({ id, label, interpolation, points }) => {
    const byFrame = new Map(points.map(([x, y]) => [snap(x, frames), y]));
    return { id, label: translate(label), curve: { points: [...byFrame], interpolation } };
  });
}
