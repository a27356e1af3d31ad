/**
 * The page has one history of the whole graph, the curve editor one of its curves. After an undo in the editor, the
 * page's next undo must go on from there, not bring back what was undone.
 *
 * A tracker of the page has `undoQueue` and `redoQueue`, states of the graph with the next one last, and `activeState`.
 */

/** Both queues as they are now, to be given to `leaveSteps`. */
export const queuesOf = ({ undoQueue, redoQueue, activeState }) => ({
  undo: [...undoQueue],
  redo: [...redoQueue],
  state: activeState,
});

/**
 * Take the steps that an editor has gone back, or forward, from the page's history.
 *
 * @param {object} tracker after the editor's change has entered its activeState
 * @param {object} earlier its queuesOf() before the change
 * @param {"undo" | "redo"} direction of the editor
 * @param {(a: object, b: object) => boolean} sameCurves whether two states have the same curves in this editor
 * @param {(a: object, b: object) => boolean} equal whether two states are equal
 */
export function leaveSteps(tracker, earlier, direction, sameCurves, equal) {
  const { activeState } = tracker;
  if (activeState === earlier.state) return;
  const reached = earlier[direction].findLastIndex((state) => sameCurves(state, activeState));
  if (reached < 0) return; // the page does not know these curves, so this is a new step
  const left = earlier[direction].slice(0, equal(earlier[direction][reached], activeState) ? reached : reached + 1);
  const other = [...(direction === "undo" ? earlier.redo : earlier.undo), earlier.state];
  const [undo, redo] = direction === "undo" ? [left, other] : [other, left];
  tracker.undoQueue.splice(0, Infinity, ...undo);
  tracker.redoQueue.splice(0, Infinity, ...redo);
}
