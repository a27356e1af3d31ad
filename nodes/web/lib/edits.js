/** What a person does to a curve, as functions from one curve to the next, and the history of it. */

export const MAX_POINTS = 128;
const SMALLEST_GAP = 1e-3;

const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

/** The nearest frame's position, or x itself when `free`. */
export const snap = (x, frames, free = false) => clamp(free ? x : Math.round(x * (frames - 1)) / (frames - 1), 0, 1);

/** Least distance between two points: a frame, or nearly nothing when `free`. */
export const gapOf = (frames, free = false) => (free ? SMALLEST_GAP : 1 / (frames - 1));

/** Add a point, or move the one that already is at this x. Returns the curve and the point's index. */
export function insert(curve, x, y) {
  const near = curve.points.findIndex(([px]) => Math.abs(px - x) < SMALLEST_GAP);
  if (near >= 0) return { curve: withPoint(curve, near, [curve.points[near][0], clamp(y, 0, 1)]), index: near };
  if (curve.points.length >= MAX_POINTS) return { curve, index: -1 };
  const after = curve.points.findIndex(([px]) => px > x);
  const index = after < 0 ? curve.points.length : after;
  return { curve: { ...curve, points: curve.points.toSpliced(index, 0, [clamp(x, 0, 1), clamp(y, 0, 1)]) }, index };
}

/** Move a point; it stays `gap` away from its neighbours and never passes them. */
export function move(curve, index, x, y, gap) {
  const low = index > 0 ? curve.points[index - 1][0] + gap : 0;
  const high = index + 1 < curve.points.length ? curve.points[index + 1][0] - gap : 1;
  const kept = low > high + 1e-9 ? curve.points[index][0] : clamp(x, low, Math.max(low, high));
  return withPoint(curve, index, [kept, clamp(y, 0, 1)]);
}

/** Take a point away; the last one stays. */
export function remove(curve, index) {
  return curve.points.length > 1 ? { ...curve, points: curve.points.toSpliced(index, 1) } : curve;
}

const withPoint = (curve, index, point) => ({ ...curve, points: curve.points.with(index, point) });

/** Undo and redo over values that are never changed in place. */
export class History {
  #past = [];
  #future = [];

  constructor(limit = 100) {
    this.limit = limit;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** Remember what was there before a change. */
  push(before) {
    this.#past = [...this.#past, before].slice(-this.limit);
    this.#future = [];
  }

  /** The value before the last change, or undefined. */
  undo(current) {
    if (!this.canUndo) return undefined;
    this.#future.push(current);
    return this.#past.pop();
  }

  /** The value before the last undo, or undefined. */
  redo(current) {
    if (!this.canRedo) return undefined;
    this.#past.push(current);
    return this.#future.pop();
  }

  clear() {
    this.#past = [];
    this.#future = [];
  }
}
