/** The SVG picture of the editor: grid, curves, points, overlays, cursor. What has not changed is not drawn again. */

import { appearanceFactors, evaluator, MOTION_MAX, motionValues } from "./curve.js";
import { areaPath, curvePath, frameTicks, linePath, polyline } from "./geometry.js";
import { percentText, positionText, spoken, TRACKS } from "./tracks.js";
import { say } from "./words.js";

const NS = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const layer = (name) => svg("g", { class: `hc-${name}`, "aria-hidden": "true" });

export class Picture {
  constructor(id) {
    this.id = id;
    this.grid = layer("grid");
    this.overlay = layer("overlay");
    this.cursor = makeCursor();
    this.tracks = Object.fromEntries(Object.keys(TRACKS).map((name) => [name, makeTrack(name)]));
    this.lines = svg("g", {}, ...Object.values(this.tracks).map(({ group }) => group));
    this.element = svg("svg", { class: "hc-plot" }, this.grid, this.overlay, this.lines, this.cursor.group);
  }

  /** Axes in real units: frames and seconds below, motion left, appearance right. */
  drawGrid(plot, { frames, fps, motionScale }) {
    const seconds = (frame) => `${Number((frame / fps).toFixed(2))}s`;
    const parts = [];
    for (let frame = 0; frame < frames; frame++) {
      const x = plot.px(frame / (frames - 1));
      if (plot.width / (frames - 1) >= 5) parts.push(line("hc-minor", x, plot.top, x, plot.bottom));
    }
    for (const frame of frameTicks(frames, plot.width)) {
      const x = plot.px(frame / (frames - 1));
      parts.push(line("hc-major", x, plot.top, x, plot.bottom));
      parts.push(text("hc-frame", x, plot.bottom + 24, frame), text("hc-small", x, plot.bottom + 34, seconds(frame)));
    }
    for (const y of [0, 0.25, 0.5, 0.75, 1]) {
      const at = plot.py(y);
      parts.push(line("hc-major", plot.left, at, plot.right, at));
      parts.push(text("hc-tick hc-motion", plot.left - 10, at, y * MOTION_MAX, "end"));
      parts.push(text("hc-tick hc-motion hc-small", plot.left - 10, at + 10, percentText(y, motionScale), "end"));
      parts.push(text("hc-tick hc-appearance", plot.right + 10, at + 3.5, y));
    }
    parts.push(text("hc-frame", plot.left - 10, plot.bottom + 24, say("frame"), "end"));
    parts.push(text("hc-small", plot.left - 10, plot.bottom + 34, say("time"), "end"));
    this.grid.replaceChildren(...parts);
  }

  /** Curves, points and the values the frames get; the active track is on top and carries its points' handles. */
  drawCurves(plot, { curves, drawn, active, selected, clip, pulls }) {
    for (const [name, track] of Object.entries(this.tracks)) {
      const on = name === active;
      const curve = curves[name];
      if (!track.changed([curve, plot, clip, on, Boolean(drawn[name]), on ? selected : -1, pulls])) continue;
      const path = curvePath(curve, plot);
      const kind = `${on ? " hc-active" : ""}${drawn[name] ? "" : " hc-constant"}`;
      track.group.setAttribute("class", `hc-track hc-${name}${kind}`);
      track.line.setAttribute("d", path);
      track.area.setAttribute("d", areaPath(path, plot));
      track.values.setAttribute("d", on ? valueDots(name, curve, clip.frames, plot, pulls[name]) : "");
      this.#drawPoints(track, name, curve.points, plot, on ? selected : -1, clip);
    }
    const front = this.tracks[active].group;
    if (this.lines.lastChild !== front) this.lines.append(front);
  }

  #drawPoints(track, name, points, plot, selected, clip) {
    while (track.points.length < points.length) {
      const id = `${this.id}-${name}-${track.points.length}`;
      const attributes = {
        class: "hc-point",
        id,
        role: "slider",
        "aria-valuemin": 0,
        "aria-valuemax": TRACKS[name].top,
      };
      const circle = svg("circle", attributes);
      track.points.push({ circle, changed: watch() });
      track.group.append(circle);
    }
    while (track.points.length > points.length) track.points.pop().circle.remove();
    const cue = say(TRACKS[name].label);
    points.forEach((point, i) => {
      const { circle, changed } = track.points[i];
      if (!changed([point, plot, clip, points.length, i === selected])) return;
      const [x, y] = point;
      circle.setAttribute("cx", plot.px(x));
      circle.setAttribute("cy", plot.py(y));
      circle.classList.toggle("hc-selected", i === selected);
      const place = { cue, number: i + 1, count: points.length };
      circle.setAttribute("aria-label", say("{cue} point {number} of {count}", place));
      circle.setAttribute("aria-valuenow", y * TRACKS[name].top);
      circle.setAttribute("aria-valuetext", `${positionText(x, clip)}, ${spoken(name, y, clip.motionScale)}`);
    });
  }

  /** Faint lines of values that were not drawn: [{kind, name, values}], kind "measured" or "extracted". */
  drawOverlays(plot, overlays) {
    const parts = overlays.map(({ kind, name, values }) => {
      const { top, offset } = TRACKS[name];
      const frames = values.length + 2 * offset;
      const path = linePath(polyline(values, top, offset, frames), plot);
      return svg("path", { class: `hc-${kind} hc-${name}`, d: path });
    });
    this.overlay.replaceChildren(...parts);
  }

  /** A line at a position with a dot on each curve; x null hides it. */
  drawCursor(plot, x, curves) {
    const { group, hair, dots } = this.cursor;
    group.setAttribute("visibility", x === null ? "hidden" : "visible");
    if (x === null) return;
    const at = plot.px(x);
    hair.setAttribute("d", `M${at} ${plot.top}V${plot.bottom}`);
    for (const [name, dot] of Object.entries(dots)) {
      dot.setAttribute("cx", at);
      dot.setAttribute("cy", plot.py(evaluator(curves[name])(x)));
    }
  }
}

/** Its parts stay and only move: the browser styles new elements anew, which costs more than all else in a drag. */
function makeCursor() {
  const hair = svg("path", { class: "hc-hair" });
  const dots = Object.fromEntries(
    Object.keys(TRACKS).map((name) => [name, svg("circle", { class: `hc-dot hc-${name}`, r: 3.5 })]),
  );
  const group = layer("cursor");
  group.append(hair, ...Object.values(dots));
  group.setAttribute("visibility", "hidden");
  return { group, hair, dots };
}

function makeTrack(name) {
  const [area, values] = ["hc-area", "hc-values"].map((kind) => svg("path", { class: kind, "aria-hidden": "true" }));
  const stroke = svg("path", { class: "hc-line", "aria-hidden": "true" });
  const group = svg("g", { class: `hc-track hc-${name}` }, area, stroke, values);
  return { group, area, line: stroke, values, points: [], changed: watch() };
}

/** A function that tells whether its list of values differs from the one of its last call. */
function watch() {
  let last = [];
  return (now) => {
    const differs = now.some((value, i) => value !== last[i]);
    last = now;
    return differs;
  };
}

/** Zero-length strokes with round caps: a dot for each value that a frame, or a step between two, will get. */
function valueDots(name, curve, frames, plot, pull) {
  const { top, offset } = TRACKS[name];
  const values = name === "motion" ? motionValues(curve, frames) : appearanceFactors(curve, frames);
  return pulled(polyline(values, top, offset, frames), pull, TRACKS[name])
    .map(([x, y]) => `M${plot.px(x).toFixed(1)} ${plot.py(y).toFixed(1)}h0`)
    .join("");
}

/** Points [x, y] drawn towards other cues, as Python mixes them. */
function pulled(points, pull, { top, offset }) {
  if (!pull) return points;
  const source = polyline(pull.values, top, offset, pull.values.length + 2 * offset);
  const at = evaluator({ points: source, interpolation: "linear" });
  return points.map(([x, y]) => [x, y + pull.strength * (at(x) - y)]);
}

const line = (kind, x1, y1, x2, y2) => svg("line", { class: kind, x1, y1, x2, y2 });

const text = (kind, x, y, content, anchor = kind.startsWith("hc-tick") ? "start" : "middle") =>
  svg("text", { class: kind, x, y, "text-anchor": anchor }, String(content));
