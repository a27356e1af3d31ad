/** Geometry of the plot without the DOM: clip position and height (0..1) <-> pixels, SVG paths, axis labels. */

import { monotoneSlopes } from "./curve.js";

const MARGIN = { left: 44, right: 44, top: 14, bottom: 40 };

/** The area of the plot inside an element of the given size in CSS pixels. px, py map 0..1 to pixels, x, y back. */
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

/** SVG path of a curve over the whole width. A smooth segment is exactly one cubic Bezier. */
export function curvePath({ points, interpolation }, plot) {
  const [X, Y] = [points.map(([x]) => pixel(plot.px(x))), points.map(([, y]) => pixel(plot.py(y)))];
  const commands = [`M${pixel(plot.left)} ${Y[0]}H${X[0]}`];
  const slopes = interpolation === "monotone_cubic" && points.length > 1 ? monotoneSlopes(points) : null;
  for (let k = 0; k + 1 < points.length; k++) {
    if (interpolation === "step") commands.push(`H${X[k + 1]}V${Y[k + 1]}`);
    else if (slopes === null) commands.push(`L${X[k + 1]} ${Y[k + 1]}`);
    else {
      const [[x0, y0], [x1, y1]] = [points[k], points[k + 1]];
      const third = (x1 - x0) / 3;
      const from = `${pixel(plot.px(x0 + third))} ${pixel(plot.py(y0 + slopes[k] * third))}`;
      const to = `${pixel(plot.px(x1 - third))} ${pixel(plot.py(y1 - slopes[k + 1] * third))}`;
      commands.push(`C${from} ${to} ${X[k + 1]} ${Y[k + 1]}`);
    }
  }
  return `${commands.join("")}H${pixel(plot.right)}`;
}

/** The same path closed along the bottom, to be filled. */
export const areaPath = (path, plot) => `${path}V${plot.bottom}H${plot.left}Z`;

/** One value per frame (or with offset 0.5 per step between frames) -> points [[x, y], ...] with y = value / top. */
export const polyline = (values, top, offset, frames) =>
  values.map((v, i) => [(i + offset) / (frames - 1), Math.min(1, Math.max(0, v / top))]);

export const linePath = (points, plot) =>
  points.map(([x, y], i) => `${i ? "L" : "M"}${pixel(plot.px(x))} ${pixel(plot.py(y))}`).join("");

/** Frame numbers to label: multiples of 1, 2 or 5 times a power of ten, at least `distance` pixels apart. */
export function frameTicks(frames, width, distance = 30) {
  const smallest = (distance * (frames - 1)) / width;
  const powers = Array.from({ length: 7 }, (_, k) => 10 ** k);
  const step = powers.flatMap((p) => [p, 2 * p, 5 * p]).find((s) => s >= smallest);
  return Array.from({ length: Math.floor((frames - 1) / step) + 1 }, (_, i) => i * step);
}

/** Index of the point nearest to a pixel, or -1 if none is within `reach` pixels. */
export function nearest(points, plot, px, py, reach) {
  let [smallest, index] = [reach, -1];
  points.forEach(([x, y], i) => {
    const distance = Math.hypot(plot.px(x) - px, plot.py(y) - py);
    if (distance <= smallest) [smallest, index] = [distance, i];
  });
  return index;
}
