/** The keyboard on the plot: everything the pointer can do. */

import { gapOf, insert, move, snap } from "../curve/edits.js";
import { openCurveMenu } from "./menu.js";

const HEIGHT_STEP = 0.01;

export function attachKeys(element, editor) {
  // On Ctrl+Z ComfyUI undoes a change of the graph, unless the focused element's type says that it has its own history
  // (frontends up to 1.49), or the key is none of undo in the frame after the event (later ones).
  element.type = "textarea";
  element.addEventListener("keydown", (event) => {
    const action = actionOf(event, editor);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    Object.defineProperty(event, "key", { value: "" });
    action();
  });
}

function actionOf(event, editor) {
  if (event.ctrlKey || event.metaKey) return undoOrRedo(event, editor);
  const step = (event.shiftKey ? 10 : 1) * HEIGHT_STEP;
  const last = editor.shown(editor.active).points.length - 1;
  const actions = {
    ArrowLeft: () => nudge(editor, -1, 0),
    ArrowRight: () => nudge(editor, 1, 0),
    ArrowUp: () => nudge(editor, 0, step),
    ArrowDown: () => nudge(editor, 0, -step),
    PageUp: () => editor.select(editor.active, Math.max(0, editor.selected - 1)),
    PageDown: () => editor.select(editor.active, Math.min(last, editor.selected + 1)),
    Home: () => editor.select(editor.active, 0),
    End: () => editor.select(editor.active, last),
    Enter: () => addAfterSelected(editor),
    Delete: () => editor.removeSelected(),
    Backspace: () => editor.removeSelected(),
    " ": () => editor.switchTrack(),
    ContextMenu: () => openMenuAtPoint(editor),
    F10: event.shiftKey ? () => openMenuAtPoint(editor) : undefined,
    Escape: () => (editor.selected < 0 ? editor.drawing.element.blur() : editor.select(editor.active, -1)),
  };
  return actions[event.key];
}

function undoOrRedo(event, editor) {
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) return () => editor.undo();
  if (key === "y" || key === "z") return () => editor.redo();
  return undefined;
}

/** Move the selected point by a number of frames and a height; with none selected, select the first. */
function nudge(editor, byFrames, byHeight) {
  if (editor.selected < 0) return editor.select(editor.active, 0);
  const { frames } = editor.clip;
  const index = editor.selected;
  const [x, y] = editor.point;
  const newX = byFrames === 0 ? x : snap(x + byFrames / (frames - 1), frames);
  editor.edit(
    (curve) => ({ curve: move(curve, index, newX, y + byHeight, gapOf(frames, byFrames === 0)), index }),
    "nudge",
  );
}

/** Add a point half-way to the next one, at the mean of both heights. */
function addAfterSelected(editor) {
  const { frames } = editor.clip;
  const { points } = editor.shown(editor.active);
  const index = Math.min(Math.max(0, editor.selected), points.length - 2);
  if (index < 0) return;
  const [[x0, y0], [x1, y1]] = [points[index], points[index + 1]];
  const x = snap((x0 + x1) / 2, frames);
  if (x > x0 && x < x1) editor.edit((curve) => insert(curve, x, (y0 + y1) / 2));
}

function openMenuAtPoint(editor) {
  const { element } = editor.drawing;
  const box = element.getBoundingClientRect();
  const [x, y] = editor.point ?? [0.5, 0.5];
  const scale = box.width / element.clientWidth;
  openCurveMenu(editor, box.left + editor.plot.px(x) * scale, box.top + editor.plot.py(y) * scale);
}
