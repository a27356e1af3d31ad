/**
 * Curve maths without the DOM, the same as in higen_core/cues/curves.py.
 *
 * A curve is {points: [[x, y], ...], interpolation}: x is the position in the clip and y the height, both 0..1.
 * Both implementations are tested with the cases of tests/data/curve_cases.json.
 */

import { translate } from "../language/translate.js";

export const INTERPOLATIONS = ["monotone_cubic", "linear", "step"];
export const MOTION_MAX = 1000;
const STEP_TOLERANCE = 1e-5;
const DECIMALS = 5;

export const constant = (y) => ({
  points: [
    [0, y],
    [1, y],
  ],
  interpolation: "linear",
});

/** JSON text -> curve. Throws an Error that names the invalid value, in the same cases as the Python code. */
export function parse(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    fail("not JSON: {text}", { text: String(text).slice(0, 40) });
  }
  if (value === null || !Array.isArray(value.points)) fail("not an object with a list of points");
  const key = Object.keys(value).find((name) => name !== "points" && name !== "interpolation");
  if (key !== undefined) fail("unknown entry {key}", { key });
  return check({ points: value.points, interpolation: value.interpolation ?? "monotone_cubic" });
}

function check(curve) {
  const { points, interpolation } = curve;
  if (!INTERPOLATIONS.includes(interpolation)) fail("unknown interpolation {interpolation}", { interpolation });
  if (points.length === 0) fail("no points");
  points.forEach((point, index) => {
    if (!Array.isArray(point) || point.length !== 2) fail("point {index} is not a pair [x, y]", { index });
    point.forEach((value, i) => {
      const valid = typeof value === "number" && value >= 0 && value <= 1;
      if (!valid) fail("{axis} of point {index} is not a number in 0..1: {value}", { axis: "xy"[i], index, value });
    });
    const [value] = point;
    if (index > 0 && value <= points[index - 1][0]) fail("x of point {index} does not rise: {value}", { index, value });
  });
  return curve;
}

function fail(text, values) {
  throw new Error(translate(text, values));
}

/** Curve -> JSON text with numbers rounded to 5 decimals. */
export function format(curve) {
  const rounded = (v) => Number(v.toFixed(DECIMALS));
  return JSON.stringify({
    points: curve.points.map(([x, y]) => [rounded(x), rounded(y)]),
    interpolation: curve.interpolation,
  });
}

/** A slope between points whose distance is so small that the quotient overflows is very steep, not infinite. */
const finite = (slope) => Math.min(1e12, Math.max(-1e12, slope));

/** Slopes dy/dx at the points that keep the cubic between them monotone (Fritsch and Carlson 1980). */
export function monotoneSlopes(points) {
  const secants = points.slice(1).map(([x, y], k) => finite((y - points[k][1]) / (x - points[k][0])));
  const slopes = secants.map((b, k) => (k === 0 ? b : secants[k - 1] * b > 0 ? (secants[k - 1] + b) / 2 : 0));
  slopes.push(secants.at(-1));
  secants.forEach((secant, k) => {
    if (secant === 0) {
      slopes[k] = slopes[k + 1] = 0;
      return;
    }
    const steepness = Math.hypot(slopes[k] / secant, slopes[k + 1] / secant);
    if (steepness > 3) {
      slopes[k] *= 3 / steepness;
      slopes[k + 1] *= 3 / steepness;
    }
  });
  return slopes;
}

const evaluators = new WeakMap();

/** Curve -> function from x (0..1) to height (0..1). It is cached by curve, since curves are never changed in place. */
export function evaluator(curve) {
  if (!evaluators.has(curve)) evaluators.set(curve, makeEvaluator(curve));
  return evaluators.get(curve);
}

function makeEvaluator({ points, interpolation }) {
  const [first, last] = [points[0], points.at(-1)];
  if (points.length === 1) return () => first[1];
  const slopes = interpolation === "monotone_cubic" ? monotoneSlopes(points) : null;
  return (x) => {
    if (interpolation === "step") return points[Math.max(0, segment(points, x + STEP_TOLERANCE))][1];
    const clamped = Math.min(Math.max(x, first[0]), last[0]);
    const k = Math.min(segment(points, clamped), points.length - 2);
    const [[x0, y0], [x1, y1]] = [points[k], points[k + 1]];
    const t = (clamped - x0) / (x1 - x0);
    if (interpolation === "linear") return y0 + t * (y1 - y0);
    const s = 1 - t;
    const bend = t * s * (x1 - x0) * (s * slopes[k] - t * slopes[k + 1]);
    return Math.min(1, Math.max(0, (1 + 2 * t) * s * s * y0 + t * t * (3 - 2 * t) * y1 + bend));
  };
}

/** Index of the last point at or before x; -1 before the first. */
function segment(points, x) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Motion cues 0..1000 of the steps between frames: frames - 1 integers, evaluated half-way between two frames. */
export function motionValues(curve, frames) {
  const at = evaluator(curve);
  return Array.from({ length: frames - 1 }, (_, i) => Math.floor(at((i + 0.5) / (frames - 1)) * MOTION_MAX + 0.5));
}

/** Appearance factor 0..1 of each frame. */
export function appearanceFactors(curve, frames) {
  const at = evaluator(curve);
  return Array.from({ length: frames }, (_, i) => at(i / (frames - 1)));
}

/**
 * A subset of the points whose polyline is within `tolerance` of all points: the ends, then recursively the farthest
 * point between them (Douglas and Peucker 1973, with vertical distance).
 */
export function simplify(points, tolerance) {
  if (points.length < 3) return points;
  const [[x0, y0], [x1, y1]] = [points[0], points.at(-1)];
  const distances = points.map(([x, y]) => Math.abs(y - y0 - ((x - x0) / (x1 - x0)) * (y1 - y0)));
  const farthest = distances.indexOf(Math.max(...distances));
  if (distances[farthest] <= tolerance) return [points[0], points.at(-1)];
  return [
    ...simplify(points.slice(0, farthest + 1), tolerance).slice(0, -1),
    ...simplify(points.slice(farthest), tolerance),
  ];
}
