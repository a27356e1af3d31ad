/** Whether an opened graph is a template of this pack whose view has not been fitted into the window yet. */

/**
 * The view in a template's file has the mark `template`; a page that saves the graph writes a view without it.
 *
 * @param {object} saved the view in the opened file, {scale, offset, template}, if it has one
 * @param {object} shown the view of the canvas, {scale, offset}
 */
export function isUnfitted(saved, shown) {
  if (!saved?.template) return false;
  const same = (a, b) => Math.abs(a - b) < 1e-3;
  return same(saved.scale, shown.scale) && saved.offset.every((value, axis) => same(value, shown.offset[axis]));
}
