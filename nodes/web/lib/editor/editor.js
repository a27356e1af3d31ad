/**
 * The curve editor: its state and the changes that pointer, keys and menus make. It reports them to its host.
 *
 * The host is the node whose widgets hold the values:
 *   read(name) -> JSON text or ""     write(name, text)     level(name) -> 0..1, height of the constant
 *   clip() -> {frames, fps, motionScale, reach}             overlays() -> [{kind, name, values, outdated}]
 *   blends() -> {name: {values, strength}}, other cues that are blended with the curves
 *   committed(direction) is called after each finished change, with "undo" or "redo" if it was one of these
 *   goOn(direction) continues with the page's own undo or redo   panning() -> whether a drag moves the canvas
 *   forward(event) passes an event on to the graph's canvas
 */

import { constant, format, parse } from "../curve/curve.js";
import { remove } from "../curve/edits.js";
import { plotOf } from "../curve/geometry.js";
import { History } from "../curve/history.js";
import { translate } from "../language/translate.js";
import { Drawing } from "./drawing.js";
import { attachKeys } from "./keys.js";
import { makePanel } from "./panel.js";
import { attachPointer } from "./pointer.js";
import { otherTrack, positionText, spokenText, TRACKS } from "./tracks.js";

const NAMES = Object.keys(TRACKS);
const MERGE_MS = 700; // changes with the same key within this time are one step of undo
let count = 0;

export class CurveEditor {
  active = "motion";
  selected = -1;
  curves = { motion: null, appearance: null };
  problems = { motion: "", appearance: "" };
  history = new History();
  #texts = {};
  #cursor = null;
  #lastChange = { key: null, at: 0 };

  constructor(host) {
    this.host = host;
    this.drawing = new Drawing(`higen-${++count}`);
    this.panel = makePanel(this);
    this.element = this.panel.element;
    this.plot = plotOf(400, 240);
    attachPointer(this.drawing.element, this);
    attachKeys(this.drawing.element, this);
    new ResizeObserver(([{ contentRect }]) => this.#resize(contentRect)).observe(this.drawing.element);
    this.refresh();
  }

  /** The drawn curve, or without one the line of the constant. */
  shown(name) {
    return this.curves[name] ?? constant(this.host.level(name));
  }

  /** Read the host's values again: after loading, undo, paste, or a change of another widget of the node. */
  refresh() {
    for (const name of NAMES) {
      const text = this.host.read(name) ?? "";
      if (text === this.#texts[name]) continue;
      this.#texts[name] = text;
      this.selected = -1;
      [this.curves[name], this.problems[name]] = parsed(text);
    }
    this.drawAll();
  }

  drawAll() {
    this.clip = this.host.clip();
    this.drawing.drawGrid(this.plot, this.clip);
    this.drawOverlays();
    this.panel.update();
    this.draw();
    this.hover(this.#cursor);
  }

  drawOverlays() {
    this.overlays = this.host.overlays();
    this.blends = this.host.blends();
    this.drawing.drawOverlays(this.plot, this.overlays);
    this.panel.legend(new Map(this.overlays.map(({ kind, outdated }) => [kind, outdated])));
  }

  draw() {
    this.drawing.drawCurves(this.plot, {
      curves: { motion: this.shown("motion"), appearance: this.shown("appearance") },
      drawn: this.curves,
      active: this.active,
      selected: this.selected,
      clip: this.clip,
      blends: this.blends,
    });
    const id = this.selected < 0 ? "" : `${this.drawing.id}-${this.active}-${this.selected}`;
    this.drawing.element.setAttribute("aria-activedescendant", id);
  }

  /** Show the values at a position; null shows those of the selected point. */
  hover(x) {
    this.#cursor = x;
    const curves = { motion: this.shown("motion"), appearance: this.shown("appearance") };
    this.drawing.drawCursor(this.plot, x, curves);
    const point = this.point;
    this.panel.readout(x ?? point?.[0] ?? null, curves);
  }

  get point() {
    return this.shown(this.active).points[this.selected];
  }

  get snapshot() {
    return { curves: this.curves, active: this.active, selected: this.selected };
  }

  restore(snapshot) {
    Object.assign(this, snapshot);
    this.draw();
  }

  select(name, index) {
    this.active = name;
    this.selected = index;
    this.panel.update();
    this.draw();
    this.announce();
  }

  /** Change the active curve temporarily, while the pointer is down. */
  preview(curve, selected) {
    this.curves = { ...this.curves, [this.active]: curve };
    this.selected = selected;
    this.draw();
  }

  /** Write a change that started at the snapshot `before`, as one step of undo. `key` merges a series of changes. */
  commit(before, key = null) {
    const changed = NAMES.filter((name) => this.curves[name] !== before.curves[name]);
    if (changed.length === 0) return;
    const now = performance.now();
    const continued = key !== null && key === this.#lastChange.key && now - this.#lastChange.at < MERGE_MS;
    if (!continued) this.history.push(before);
    this.#lastChange = { key, at: now };
    this.#write(changed);
    this.announce();
  }

  /** Change the active curve: change(curve) -> {curve, index of the point to select}. */
  edit(change, key = null) {
    const before = this.snapshot;
    const { curve, index } = change(this.shown(this.active));
    this.preview(curve, index);
    this.commit(before, key);
  }

  /** Replace the active curve; null replaces it by the constant. */
  replace(curve) {
    this.edit(() => ({ curve, index: -1 }));
  }

  /** Whether a point of a drawn curve is selected; the ends of a constant are none. */
  get canRemove() {
    return this.selected >= 0 && this.curves[this.active] !== null;
  }

  /** Remove the selected point. None is selected then, so that the key pressed again does not remove another one. */
  removeSelected() {
    if (this.canRemove) this.replace(remove(this.curves[this.active], this.selected, this.host.level(this.active)));
  }

  /** Undo the last change here; before the first one, as after an undo of the page, the last step of the page. */
  undo() {
    this.#goTo(this.history.undo(this.snapshot), "undo");
  }

  redo() {
    this.#goTo(this.history.redo(this.snapshot), "redo");
  }

  switchTrack() {
    this.select(otherTrack(this.active), -1);
  }

  /** Replace an unreadable value by the constant. */
  repair(name) {
    this.host.write(name, "");
    this.host.committed();
    this.refresh();
  }

  /** Show the position of the selected point below the plot, and announce it to screen readers. */
  announce() {
    const [point, { motionScale }] = [this.point, this.clip];
    if (point)
      this.panel.speak(`${positionText(point[0], this.clip)}, ${spokenText(this.active, point[1], motionScale)}`);
    else this.panel.speak(translate("{cue} curve", { cue: translate(TRACKS[this.active].label) }));
    this.hover(null);
  }

  #goTo(snapshot, direction) {
    if (snapshot === undefined) return this.host.goOn(direction);
    const changed = NAMES.filter((name) => this.curves[name] !== snapshot.curves[name]);
    this.#lastChange.key = null;
    this.restore(snapshot);
    this.#write(changed, direction);
    this.announce();
  }

  #write(changed, direction) {
    for (const name of changed) {
      this.#texts[name] = textOf(this.curves[name]);
      this.problems[name] = "";
      this.host.write(name, this.#texts[name]);
    }
    this.host.committed(direction);
    this.drawOverlays(); // they may be outdated now, or no longer
    this.panel.update();
    this.draw();
  }

  #resize({ width, height }) {
    if (width === 0 || height === 0) return;
    this.plot = plotOf(width, height);
    this.drawAll();
  }
}

const readFrom = new WeakMap(); // curve -> the text that it was read from, to which an undo goes back

const textOf = (curve) => (curve ? (readFrom.get(curve) ?? format(curve)) : "");

/** Text of a widget -> [curve or null, error message or ""]. */
function parsed(text) {
  if (text === "") return [null, ""];
  try {
    const curve = parse(text);
    readFrom.set(curve, text);
    return [curve, ""];
  } catch (error) {
    return [null, error.message];
  }
}
