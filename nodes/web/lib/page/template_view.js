/** The view in which a template opens. */

/** Pixels of the canvas that the page's tabs and bars cover, in every version, where no banner moves them down. */
const PANELS = { left: 80, top: 115, right: 30, bottom: 70 };
const BELOW_RUN = 30; // pixels from the Run button to the titles of groups

/**
 * The largest view that shows all boxes beside the panels, not enlarged.
 *
 * @param {number[][]} boxes (left, top, width, height) in units of the graph
 * @param {{width: number, height: number}} canvas pixels of the canvas
 * @param {number} runBottom pixels from the top of the canvas to the lower edge of the page's Run button
 * @returns {{scale: number, offset: number[]}} as the canvas has it: pixels = (units + offset) * scale
 */
export function fittedView(boxes, canvas, runBottom = 0) {
  const [left, top] = [0, 1].map((axis) => Math.min(...boxes.map((box) => box[axis])));
  const [right, bottom] = [0, 1].map((axis) => Math.max(...boxes.map((box) => box[axis] + box[axis + 2])));
  const covered = Math.max(PANELS.top, runBottom + BELOW_RUN);
  const width = canvas.width - PANELS.left - PANELS.right;
  const height = canvas.height - covered - PANELS.bottom;
  const scale = Math.min(1, width / (right - left), height / (bottom - top));
  const centered = (free, size) => (free / scale - size) / 2;
  return {
    scale,
    offset: [
      PANELS.left / scale + centered(width, right - left) - left,
      covered / scale + centered(height, bottom - top) - top,
    ],
  };
}
