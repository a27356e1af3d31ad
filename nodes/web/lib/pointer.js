/** Mouse, pen and touch on the plot. Coordinates survive any zoom of the graph: they are ratios of the element's box. */

import { gapOf, insert, move, snap } from "./edits.js";
import { nearest } from "./geometry.js";
import { openCurveMenu } from "./panel.js";
import { other } from "./tracks.js";

const REACH = { mouse: 11, pen: 16, touch: 24 };
const STILL = 3;
const LONG_PRESS_MS = 550;
const DOUBLE_MS = 500;

export function attachPointer(element, editor) {
  let gesture = null;
  let addedAt = Number.NEGATIVE_INFINITY;

  const locate = (event) => {
    const box = element.getBoundingClientRect();
    const scale = element.clientWidth / box.width;
    const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    return { px, py, reach: (REACH[event.pointerType] ?? REACH.mouse) * Math.max(1, scale) };
  };

  /** The point under the pointer: the active curve's first, then the other's. */
  const hit = ({ px, py, reach }) => {
    for (const name of [editor.active, other(editor.active)]) {
      const index = nearest(editor.shown(name).points, editor.plot, px, py, reach);
      if (index >= 0) return { name, index };
    }
    return null;
  };

  const end = () => {
    clearTimeout(gesture?.timer);
    element.classList.remove("hc-dragging");
    gesture = null;
  };

  const cancel = () => {
    if (gesture) editor.restore(gesture.before);
    end();
  };

  const menuAt = (event) => {
    cancel();
    const target = hit(locate(event));
    if (target) editor.select(target.name, target.index);
    openCurveMenu(editor, event.clientX, event.clientY);
  };

  element.addEventListener("pointerdown", (event) => {
    if (editor.host.panning()) return;
    if (event.button === 1) return editor.host.forward(event);
    event.stopPropagation();
    if (event.button !== 0 || gesture) return;
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const at = locate(event);
    const before = editor.snapshot;
    const target = hit(at);
    if (target) {
      editor.select(target.name, target.index);
    } else {
      add(editor, at, event.altKey);
      addedAt = event.timeStamp;
    }
    gesture = { id: event.pointerId, before, from: at, start: editor.point, index: editor.selected, moved: false };
    if (event.pointerType === "touch") gesture.timer = setTimeout(() => menuAt(event), LONG_PRESS_MS);
  });

  element.addEventListener("pointermove", (event) => {
    if (event.buttons & 4) return editor.host.forward(event);
    const at = locate(event);
    if (gesture === null) return editor.hover(snap(editor.plot.x(at.px), editor.clip.frames));
    if (event.pointerId !== gesture.id) return;
    event.stopPropagation();
    gesture.moved ||= Math.hypot(at.px - gesture.from.px, at.py - gesture.from.py) > STILL;
    if (!gesture.moved || gesture.index < 0) return;
    clearTimeout(gesture.timer);
    element.classList.add("hc-dragging");
    drag(editor, gesture, at, event);
  });

  element.addEventListener("pointerup", (event) => {
    if (event.button === 1) return editor.host.forward(event);
    if (event.pointerId !== gesture?.id) return;
    event.stopPropagation();
    const { before } = gesture;
    end();
    editor.commit(before);
  });

  element.addEventListener("pointercancel", cancel);
  element.addEventListener("lostpointercapture", cancel);
  element.addEventListener("pointerleave", () => gesture ?? editor.hover(null));
  element.addEventListener("wheel", (event) => editor.host.forward(event), { passive: false });

  element.addEventListener("dblclick", (event) => {
    event.stopPropagation();
    const target = hit(locate(event));
    if (target === null || event.timeStamp - addedAt < DOUBLE_MS) return; // its first click made the point
    editor.select(target.name, target.index);
    editor.removeSelected();
  });

  element.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.button === 2) menuAt(event);
  });
}

function add(editor, { px, py }, free) {
  const x = snap(editor.plot.x(px), editor.clip.frames, free);
  const { curve, index } = insert(editor.shown(editor.active), x, editor.plot.y(py));
  editor.sketch(curve, index);
}

/** Shift keeps the direction that the pointer went first; Alt leaves the frame grid. */
function drag(editor, { from, start, index }, { px, py }, { shiftKey, altKey }) {
  const { frames } = editor.clip;
  let [x, y] = [snap(editor.plot.x(px), frames, altKey), editor.plot.y(py)];
  if (shiftKey && Math.abs(px - from.px) >= Math.abs(py - from.py)) y = start[1];
  else if (shiftKey) x = start[0];
  editor.sketch(move(editor.shown(editor.active), index, x, y, gapOf(frames, altKey)), index);
  editor.hover(editor.point[0]);
}
