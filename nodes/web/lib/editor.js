/**
 * The curve editor: its state, and what may be done to it. Pointer, keys and menus call its verbs; it tells the host.
 *
 * The host owns the values (the node's widgets):
 *   read(name) -> JSON text or ""      write(name, text)       level(name) -> 0..1, the constant where none is drawn
 *   clip() -> {frames, fps, motionScale}                        overlays() -> [{kind, name, values}]
 *   pulls() -> {name: {values, strength}}, other cues mixed in  panning() -> whether the canvas owns the pointer now
 *   committed()  after each finished change                     forward(event)  gives an event to the graph's canvas
 */

import { constant, format, parse } from "./curve.js";
import { Picture } from "./draw.js";
import * as edits from "./edits.js";
import { plotOf } from "./geometry.js";
import { attachKeys } from "./keys.js";
import { makePanel } from "./panel.js";
import { attachPointer } from "./pointer.js";
import { other, positionText, spoken, TRACKS } from "./tracks.js";
import { say } from "./words.js";

const NAMES = Object.keys(TRACKS);
const MERGE_MS = 700;
let count = 0;

export class CurveEditor {
  active = "motion";
  selected = -1;
  curves = { motion: null, appearance: null };
  problems = { motion: "", appearance: "" };
  history = new edits.History();
  #texts = {};
  #pointed = null;
  #lastChange = { key: null, at: 0 };

  constructor(host) {
    this.host = host;
    this.picture = new Picture(`higen-${++count}`);
    this.panel = makePanel(this);
    this.element = this.panel.element;
    this.plot = plotOf(400, 240);
    attachPointer(this.picture.element, this);
    attachKeys(this.picture.element, this);
    new ResizeObserver(([{ contentRect }]) => this.#resize(contentRect)).observe(this.picture.element);
    this.refresh();
  }

  /** The curve as drawn, or the level line that stands for the constant. */
  shown(name) {
    return this.curves[name] ?? constant(this.host.level(name));
  }

  /** Read the host again: after loading, undo, paste, or a change of another widget of the node. */
  refresh() {
    for (const name of NAMES) {
      const text = this.host.read(name) ?? "";
      if (text === this.#texts[name]) continue;
      this.#texts[name] = text;
      this.selected = -1;
      [this.curves[name], this.problems[name]] = readable(text);
    }
    this.drawAll();
  }

  drawAll() {
    this.clip = this.host.clip();
    this.picture.drawGrid(this.plot, this.clip);
    this.drawOverlays();
    this.panel.update();
    this.draw();
    this.hover(this.#pointed);
  }

  drawOverlays() {
    this.overlays = this.host.overlays();
    this.pulls = this.host.pulls();
    this.picture.drawOverlays(this.plot, this.overlays);
    this.panel.legend(new Set(this.overlays.map(({ kind }) => kind)));
  }

  draw() {
    this.picture.drawCurves(this.plot, {
      curves: { motion: this.shown("motion"), appearance: this.shown("appearance") },
      drawn: this.curves,
      active: this.active,
      selected: this.selected,
      clip: this.clip,
      pulls: this.pulls,
    });
    const id = this.selected < 0 ? "" : `${this.picture.id}-${this.active}-${this.selected}`;
    this.picture.element.setAttribute("aria-activedescendant", id);
  }

  /** Show the values at a position, or (null) those of the selected point. */
  hover(x) {
    this.#pointed = x;
    const curves = { motion: this.shown("motion"), appearance: this.shown("appearance") };
    this.picture.drawCursor(this.plot, x, curves);
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

  /** Change the active curve without finishing the change: the pointer is still down. */
  sketch(curve, selected) {
    this.curves = { ...this.curves, [this.active]: curve };
    this.selected = selected;
    this.draw();
  }

  /** Finish a change that began at `before`: write it, and make it one step of undo. Same keys in a row merge. */
  commit(before, key = null) {
    const changed = NAMES.filter((name) => this.curves[name] !== before.curves[name]);
    if (changed.length === 0) return;
    const now = performance.now();
    const merged = key !== null && key === this.#lastChange.key && now - this.#lastChange.at < MERGE_MS;
    if (!merged) this.history.push(before);
    this.#lastChange = { key, at: now };
    this.#write(changed);
    this.announce();
  }

  /** One whole change of the active curve: fn(curve) -> {curve, index}. */
  edit(fn, key = null) {
    const before = this.snapshot;
    const { curve, index } = fn(this.shown(this.active));
    this.sketch(curve, index);
    this.commit(before, key);
  }

  /** Replace the active curve by another; null goes back to the constant. */
  replace(curve) {
    this.edit(() => ({ curve, index: -1 }));
  }

  removeSelected() {
    if (this.selected < 0) return;
    const index = this.selected;
    this.edit((curve) => ({
      curve: edits.remove(curve, index),
      index: Math.min(index, Math.max(0, curve.points.length - 2)),
    }));
  }

  undo() {
    this.#travel(this.history.undo(this.snapshot));
  }

  redo() {
    this.#travel(this.history.redo(this.snapshot));
  }

  switchTrack() {
    this.select(other(this.active), -1);
  }

  /** Drop an unreadable value for the constant. */
  repair(name) {
    this.host.write(name, "");
    this.host.committed();
    this.refresh();
  }

  /** Tell screen readers, and the line below the plot, where the selected point is. */
  announce() {
    const point = this.point;
    const words =
      point && `${positionText(point[0], this.clip)}, ${spoken(this.active, point[1], this.clip.motionScale)}`;
    this.panel.speak(words ?? say("{cue} curve", { cue: say(TRACKS[this.active].label) }));
    this.hover(null);
  }

  #travel(snapshot) {
    if (snapshot === undefined) return;
    const changed = NAMES.filter((name) => this.curves[name] !== snapshot.curves[name]);
    this.#lastChange.key = null;
    this.restore(snapshot);
    this.#write(changed);
    this.announce();
  }

  #write(changed) {
    for (const name of changed) {
      this.#texts[name] = this.curves[name] ? format(this.curves[name]) : "";
      this.problems[name] = "";
      this.host.write(name, this.#texts[name]);
    }
    this.host.committed();
    this.panel.update();
    this.draw();
  }

  #resize({ width, height }) {
    if (width === 0 || height === 0) return;
    this.plot = plotOf(width, height);
    this.drawAll();
  }
}

/** Text of a widget -> [curve or null, what is wrong with it]. */
function readable(text) {
  if (text === "") return [null, ""];
  try {
    return [parse(text), ""];
  } catch (error) {
    return [null, error.message];
  }
}
