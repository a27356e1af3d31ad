/** Where things are in the picture: clip position and strength (0..1) <-> pixels, paths, ticks. No DOM. */

import { monotoneSlopes } from "./curve.js";

const MARGIN = { left: 44, right: 44, top: 12, bottom: 40 };

/** The drawing area inside an element of the given size in CSS pixels. */
export function plotOf(width, height) {
  const [left, top] = [MARGIN.left, MARGIN.top];
  const [w, h] = [Math.max(40, width - left - MARGIN.right), Math.max(40, height - top - MARGIN.bottom)];
  return {
    left,
    top,
    width: w,
    height: h,
    right: left + w,
    bottom: top + h,
    px: (x) => left + x * w,
    py: (y) => top + (1 - y) * h,
    x: (px) => Math.min(1, Math.max(0, (px - left) / w)),
    y: (py) => Math.min(1, Math.max(0, 1 - (py - top) / h)),
  };
}

const pixel = (v) => Math.round(v * 100) / 100;

/** SVG path of a curve over the whole width. A smooth piece is exactly one cubic Bezier. */
export function curvePath({ points, interpolation }, plot) {
  const [X, Y] = [points.map(([x]) => pixel(plot.px(x))), points.map(([, y]) => pixel(plot.py(y)))];
  const pieces = [`M${pixel(plot.left)} ${Y[0]}H${X[0]}`];
  const slopes = interpolation === "monotone_cubic" && points.length > 1 ? monotoneSlopes(points) : null;
  for (let k = 0; k + 1 < points.length; k++) {
    if (interpolation === "step") pieces.push(`H${X[k + 1]}V${Y[k + 1]}`);
    else if (slopes === null) pieces.push(`L${X[k + 1]} ${Y[k + 1]}`);
    else {
      const [[x0, y0], [x1, y1]] = [points[k], points[k + 1]];
      const third = (x1 - x0) / 3;
      const from = `${pixel(plot.px(x0 + third))} ${pixel(plot.py(y0 + slopes[k] * third))}`;
      const to = `${pixel(plot.px(x1 - third))} ${pixel(plot.py(y1 - slopes[k + 1] * third))}`;
      pieces.push(`C${from} ${to} ${X[k + 1]} ${Y[k + 1]}`);
    }
  }
  return `${pieces.join("")}H${pixel(plot.right)}`;
}

/** The same path closed along the bottom, to be filled. */
export const areaPath = (path, plot) => `${path}V${plot.bottom}H${plot.left}Z`;

/** One value a frame (or, with offset 0.5, one between each two frames) -> [[x, y], ...] for `values / top`. */
export const polyline = (values, top, offset, frames) =>
  values.map((v, i) => [(i + offset) / (frames - 1), Math.min(1, Math.max(0, v / top))]);

export const linePath = (points, plot) =>
  points.map(([x, y], i) => `${i ? "L" : "M"}${pixel(plot.px(x))} ${pixel(plot.py(y))}`).join("");

/** Frame numbers to label: round steps, at least `room` pixels apart. */
export function frameTicks(frames, width, room = 30) {
  const least = (room * (frames - 1)) / width;
  const powers = Array.from({ length: 7 }, (_, k) => 10 ** k);
  const step = powers.flatMap((p) => [p, 2 * p, 5 * p]).find((s) => s >= least);
  return Array.from({ length: Math.floor((frames - 1) / step) + 1 }, (_, i) => i * step);
}

/** Index of the point nearest to a pixel and within reach of it, or -1. */
export function nearest(points, plot, px, py, reach) {
  let [best, index] = [reach, -1];
  points.forEach(([x, y], i) => {
    const distance = Math.hypot(plot.px(x) - px, plot.py(y) - py);
    if (distance <= best) [best, index] = [distance, i];
  });
  return index;
}
