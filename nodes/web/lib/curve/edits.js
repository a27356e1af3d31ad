/** Edits of a curve. Each returns a new curve and leaves the given one unchanged. */

export const MAX_POINTS = 128;
const MIN_GAP = 1e-3;
const SAME_HEIGHT = 1e-5; // texts of curves have 5 decimals

const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

/** Position of the frame nearest to x, or x itself if `free`. */
export const snap = (x, frames, free = false) => clamp(free ? x : Math.round(x * (frames - 1)) / (frames - 1), 0, 1);

/** Smallest distance between two points: one frame, or 0.001 if `free`. */
export const gapOf = (frames, free = false) => (free ? MIN_GAP : 1 / (frames - 1));

/** Add a point, or move the one at this x. Returns the curve and the point's index; -1 if the curve is full. */
export function insert(curve, x, y) {
  const { points } = curve;
  const height = clamp(y, 0, 1);
  const existing = points.findIndex(([px]) => Math.abs(px - x) < MIN_GAP);
  if (existing >= 0) return { curve: withPoint(curve, existing, [points[existing][0], height]), index: existing };
  if (points.length >= MAX_POINTS) return { curve, index: -1 };
  const following = points.findIndex(([px]) => px > x);
  const index = following < 0 ? points.length : following;
  return { curve: { ...curve, points: points.toSpliced(index, 0, [clamp(x, 0, 1), height]) }, index };
}

/** Move a point. It keeps a distance of `gap` to its neighbours; with less room than that it keeps its x. */
export function move(curve, index, x, y, gap) {
  const low = index > 0 ? curve.points[index - 1][0] + gap : 0;
  const high = index + 1 < curve.points.length ? curve.points[index + 1][0] - gap : 1;
  const newX = low > high + 1e-9 ? curve.points[index][0] : clamp(x, low, Math.max(low, high));
  return withPoint(curve, index, [newX, clamp(y, 0, 1)]);
}

/**
 * Remove a point. The result is null, the constant of height `level`, if no point remains, or if only ends at that height
 * do: those that the first point added to the constant has made.
 */
export function remove(curve, index, level) {
  const points = curve.points.toSpliced(index, 1);
  const isEnd = ([x, y]) => (x === 0 || x === 1) && Math.abs(y - level) < SAME_HEIGHT;
  return points.every(isEnd) ? null : { ...curve, points };
}

const withPoint = (curve, index, point) => ({ ...curve, points: curve.points.with(index, point) });
