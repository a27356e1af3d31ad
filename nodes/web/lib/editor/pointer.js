/**
 * Mouse, pen and touch on the plot. Positions are relative to the element's box on the screen, so they are right at any
 * zoom of the graph.
 */

import { gapOf, insert, move, snap } from "../curve/edits.js";
import { nearest } from "../curve/geometry.js";
import { openCurveMenu } from "./menu.js";
import { otherTrack } from "./tracks.js";

const REACH = { mouse: 11, pen: 16, touch: 24 }; // pixels from a point in which it is hit
const CLICK_TOLERANCE = 3; // pixels that a click may move
const LONG_PRESS_MS = 550;
const LEFT = 0;
const MIDDLE = 1;
const RIGHT = 2;
const MIDDLE_PRESSED = 4; // bit of event.buttons

export function attachPointer(element, editor) {
  const pointer = new Pointer(element, editor);
  element.addEventListener("pointerdown", (event) => pointer.press(event));
  element.addEventListener("pointermove", (event) => pointer.move(event));
  element.addEventListener("pointerup", (event) => pointer.release(event));
  element.addEventListener("pointercancel", () => pointer.cancel());
  element.addEventListener("lostpointercapture", () => pointer.cancel());
  element.addEventListener("pointerleave", () => pointer.leave());
  element.addEventListener("dblclick", (event) => pointer.doubleClick(event));
  element.addEventListener("contextmenu", (event) => pointer.contextMenu(event));
  element.addEventListener("wheel", (event) => editor.host.forward(event), { passive: false });
}

class Pointer {
  #gesture = null; // from press to release: {id, before, from, start, index, moved, timer?}
  #added = [false, false]; // whether each of the last two presses added a point, as a double click is two presses

  constructor(element, editor) {
    this.element = element;
    this.editor = editor;
  }

  press(event) {
    const { editor, element } = this;
    if (editor.host.panning()) return;
    if (event.button === MIDDLE) return editor.host.forward(event);
    event.stopPropagation();
    if (event.button !== LEFT || this.#gesture) return;
    element.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") element.focus({ preventScroll: true }); // a touch that drags sends no mousedown
    const from = this.#locate(event);
    const before = editor.snapshot;
    const target = this.#hit(from);
    if (target) editor.select(target.name, target.index);
    else this.#add(from, event.altKey);
    this.#added = [this.#added[1], target === null];
    this.#gesture = { id: event.pointerId, before, from, start: editor.point, index: editor.selected, moved: false };
    if (event.pointerType === "touch") this.#gesture.timer = setTimeout(() => this.#openMenu(event), LONG_PRESS_MS);
  }

  move(event) {
    const { editor } = this;
    const gesture = this.#gesture;
    if (event.buttons & MIDDLE_PRESSED) return editor.host.forward(event);
    const { px, py } = this.#locate(event);
    if (gesture === null) return editor.hover(snap(editor.plot.x(px), editor.clip.frames));
    if (event.pointerId !== gesture.id) return;
    event.stopPropagation();
    gesture.moved ||= Math.hypot(px - gesture.from.px, py - gesture.from.py) > CLICK_TOLERANCE;
    if (!gesture.moved || gesture.index < 0) return;
    clearTimeout(gesture.timer);
    this.element.classList.add("hc-dragging");
    this.#drag(px, py, event);
  }

  release(event) {
    if (event.button === MIDDLE) return this.editor.host.forward(event);
    if (event.pointerId !== this.#gesture?.id) return;
    event.stopPropagation();
    const { before } = this.#gesture;
    this.#end();
    this.editor.commit(before);
  }

  cancel() {
    if (this.#gesture) this.editor.restore(this.#gesture.before);
    this.#end();
  }

  leave() {
    if (this.#gesture === null) this.editor.hover(null);
  }

  doubleClick(event) {
    event.stopPropagation();
    const target = this.#hit(this.#locate(event));
    if (target === null || this.#added.includes(true)) return;
    this.editor.select(target.name, target.index);
    this.editor.removeSelected();
  }

  contextMenu(event) {
    event.preventDefault();
    event.stopPropagation();
    if (event.button === RIGHT) this.#openMenu(event);
  }

  #openMenu(event) {
    this.cancel();
    const target = this.#hit(this.#locate(event));
    if (target) this.editor.select(target.name, target.index);
    openCurveMenu(this.editor, event.clientX, event.clientY);
  }

  #end() {
    clearTimeout(this.#gesture?.timer);
    this.element.classList.remove("hc-dragging");
    this.#gesture = null;
  }

  /** Position in the element, and the distance in which a point is hit, in CSS pixels of the element. */
  #locate(event) {
    const box = this.element.getBoundingClientRect();
    const scale = this.element.clientWidth / box.width;
    const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    return { px, py, reach: (REACH[event.pointerType] ?? REACH.mouse) * Math.max(1, scale) };
  }

  /** The point under the pointer, {name, index} or null. The active curve's points come first. */
  #hit({ px, py, reach }) {
    const { editor } = this;
    for (const name of [editor.active, otherTrack(editor.active)]) {
      const index = nearest(editor.shown(name).points, editor.plot, px, py, reach);
      if (index >= 0) return { name, index };
    }
    return null;
  }

  #add({ px, py }, free) {
    const { editor } = this;
    const x = snap(editor.plot.x(px), editor.clip.frames, free);
    const { curve, index } = insert(editor.shown(editor.active), x, editor.plot.y(py));
    editor.preview(curve, index);
  }

  /** Shift moves along the axis of the larger distance only; Alt turns off snapping to frames. */
  #drag(px, py, { shiftKey, altKey }) {
    const { editor } = this;
    const { from, start, index } = this.#gesture;
    const { frames } = editor.clip;
    let [x, y] = [snap(editor.plot.x(px), frames, altKey), editor.plot.y(py)];
    if (shiftKey && Math.abs(px - from.px) >= Math.abs(py - from.py)) y = start[1];
    else if (shiftKey) x = start[0];
    editor.preview(move(editor.shown(editor.active), index, x, y, gapOf(frames, altKey)), index);
    editor.hover(editor.point[0]);
  }
}
