/** The SVG drawing of the editor: grid, curves, points, overlays, cursor. Only what has changed is drawn again. */

import { appearanceFactors, evaluator, MOTION_MAX, motionValues } from "../curve/curve.js";
import { areaPath, curvePath, frameTicks, linePath, polyline } from "../curve/geometry.js";
import { translate } from "../language/translate.js";
import { svg } from "../page/elements.js";
import { percentText, positionText, spokenText, TRACKS } from "./tracks.js";

const MAX_HANDLES = 1024; // one per frame of the longest video; a page with a million elements does not respond

const layer = (name) => svg("g", { class: `hc-${name}`, "aria-hidden": "true" });

export class Drawing {
  constructor(id) {
    this.id = id;
    this.grid = layer("grid");
    this.overlay = layer("overlay");
    this.cursor = makeCursor();
    this.tracks = Object.fromEntries(Object.keys(TRACKS).map((name) => [name, makeTrack(name)]));
    this.lines = svg("g", {}, ...Object.values(this.tracks).map(({ group }) => group));
    this.element = svg("svg", { class: "hc-plot" }, this.grid, this.overlay, this.lines, this.cursor.group);
  }

  /**
   * Axes with units: frames and seconds below, motion on the left, appearance on the right. `reach` is the least and the
   * most motion that clips of the weights show on average, null if that is not known: what is beyond is shaded.
   */
  drawGrid(plot, { frames, fps, motionScale, reach: known }) {
    const reach = known ?? [0, MOTION_MAX];
    const seconds = (frame) => `${Number((frame / fps).toFixed(2))}s`;
    const elements = beyondReach(reach, plot);
    for (let frame = 0; frame < frames; frame++) {
      const x = plot.px(frame / (frames - 1));
      if (plot.width / (frames - 1) >= 5) elements.push(line("hc-minor", x, plot.top, x, plot.bottom));
    }
    for (const frame of frameTicks(frames, plot.width)) {
      const x = plot.px(frame / (frames - 1));
      elements.push(line("hc-major", x, plot.top, x, plot.bottom));
      elements.push(
        text("hc-frame", x, plot.bottom + 24, frame),
        text("hc-small", x, plot.bottom + 34, seconds(frame)),
      );
    }
    for (const y of [0, 0.25, 0.5, 0.75, 1]) {
      const py = plot.py(y);
      elements.push(line("hc-major", plot.left, py, plot.right, py));
      const percent = percentText(y, motionScale);
      const ticks = [
        text("hc-tick hc-motion", plot.left - 10, py, y * MOTION_MAX, "end"),
        text("hc-tick hc-motion hc-small", plot.left - 10, py + 10, percent, "end"),
      ];
      if (percent) for (const tick of ticks) tick.append(svg("title", {}, meaningText(y, percent)));
      elements.push(...ticks);
      elements.push(text("hc-tick hc-appearance", plot.right + 10, py + 3.5, y));
    }
    elements.push(text("hc-frame", plot.left - 10, plot.bottom + 24, translate("frame"), "end"));
    elements.push(text("hc-small", plot.left - 10, plot.bottom + 34, translate("time"), "end"));
    this.grid.replaceChildren(...elements);
  }

  /** Curves, their points and the values of the frames. The active curve is in front, with handles on its points. */
  drawCurves(plot, { curves, drawn, active, selected, clip, blends }) {
    for (const [name, track] of Object.entries(this.tracks)) {
      const isActive = name === active;
      const selectedPoint = isActive ? selected : -1;
      const curve = curves[name];
      if (!track.changed([curve, plot, clip, isActive, Boolean(drawn[name]), selectedPoint, blends])) continue;
      const path = curvePath(curve, plot);
      const state = `${isActive ? " hc-active" : ""}${drawn[name] ? "" : " hc-constant"}`;
      track.group.setAttribute("class", `hc-track hc-${name}${state}`);
      track.line.setAttribute("d", path);
      track.area.setAttribute("d", areaPath(path, plot));
      track.values.setAttribute("d", isActive ? valueDots(name, curve, clip.frames, plot, blends[name]) : "");
      const handles = curve.points.length > MAX_HANDLES ? [] : curve.points;
      this.#drawPoints(track, name, handles, plot, selectedPoint, clip);
    }
    const front = this.tracks[active].group;
    if (this.lines.lastChild !== front) this.lines.append(front);
  }

  #drawPoints(track, name, points, plot, selected, clip) {
    const { label, top } = TRACKS[name];
    while (track.points.length < points.length) {
      const id = `${this.id}-${name}-${track.points.length}`;
      const range = { "aria-valuemin": 0, "aria-valuemax": top };
      const circle = svg("circle", { class: "hc-point", id, role: "slider", ...range });
      track.points.push({ circle, changed: changeDetector() });
      track.group.append(circle);
    }
    while (track.points.length > points.length) track.points.pop().circle.remove();
    const cue = translate(label);
    points.forEach((point, i) => {
      const { circle, changed } = track.points[i];
      if (!changed([point, plot, clip, points.length, i === selected])) return;
      const [x, y] = point;
      circle.setAttribute("cx", plot.px(x));
      circle.setAttribute("cy", plot.py(y));
      circle.classList.toggle("hc-selected", i === selected);
      const values = { cue, number: i + 1, count: points.length };
      circle.setAttribute("aria-label", translate("{cue} point {number} of {count}", values));
      circle.setAttribute("aria-valuenow", y * top);
      circle.setAttribute("aria-valuetext", `${positionText(x, clip)}, ${spokenText(name, y, clip.motionScale)}`);
    });
  }

  /** Lines of measured and extracted values: [{kind, name, values, outdated}]. */
  drawOverlays(plot, overlays) {
    const lines = overlays.map(({ kind, name, values, outdated }) => {
      const { top, offset } = TRACKS[name];
      const frames = values.length + 2 * offset;
      const path = linePath(polyline(values, top, offset, frames), plot);
      return svg("path", { class: `hc-${kind} hc-${name}${outdated ? " hc-outdated" : ""}`, d: path });
    });
    this.overlay.replaceChildren(...lines);
  }

  /** A vertical line at a position, with a dot on each curve; null hides it. */
  drawCursor(plot, x, curves) {
    const { group, vertical, dots } = this.cursor;
    group.setAttribute("visibility", x === null ? "hidden" : "visible");
    if (x === null) return;
    const px = plot.px(x);
    vertical.setAttribute("d", `M${px} ${plot.top}V${plot.bottom}`);
    for (const [name, dot] of Object.entries(dots)) {
      dot.setAttribute("cx", px);
      dot.setAttribute("cy", plot.py(evaluator(curves[name])(x)));
    }
  }
}

/** Its elements are moved and never replaced: the browser computes the styles of new ones, the slowest part of a drag. */
function makeCursor() {
  const vertical = svg("path", { class: "hc-cursor-line" });
  const dots = Object.fromEntries(
    Object.keys(TRACKS).map((name) => [name, svg("circle", { class: `hc-dot hc-${name}`, r: 3.5 })]),
  );
  const group = layer("cursor");
  group.append(vertical, ...Object.values(dots));
  group.setAttribute("visibility", "hidden");
  return { group, vertical, dots };
}

function makeTrack(name) {
  const path = (kind) => svg("path", { class: kind, "aria-hidden": "true" });
  const track = { area: path("hc-area"), line: path("hc-line"), values: path("hc-values") };
  const group = svg("g", { class: `hc-track hc-${name}` }, ...Object.values(track));
  return { ...track, group, points: [], changed: changeDetector() };
}

/** A function that returns whether a list of values differs from the list of its last call. */
function changeDetector() {
  let last = [];
  return (values) => {
    const differs = values.some((value, i) => value !== last[i]);
    last = values;
    return differs;
  };
}

/** A dot for the value of each frame, or of each step between frames: strokes of length zero with round caps. */
function valueDots(name, curve, frames, plot, blend) {
  const { top, offset } = TRACKS[name];
  const values = name === "motion" ? motionValues(curve, frames) : appearanceFactors(curve, frames);
  return blended(polyline(values, top, offset, frames), blend, TRACKS[name])
    .map(([x, y]) => `M${plot.px(x).toFixed(1)} ${plot.py(y).toFixed(1)}h0`)
    .join("");
}

/** Points [x, y] blended with other cues, as in the Python code. */
function blended(points, blend, { top, offset }) {
  if (!blend) return points;
  const source = polyline(blend.values, top, offset, blend.values.length + 2 * offset);
  const height = evaluator({ points: source, interpolation: "linear" });
  return points.map(([x, y]) => [x, y + blend.strength * (height(x) - y)]);
}

const meaningText = (y, percent) =>
  translate("Motion {motion} with these weights: an average pixel changes by {percent} of full brightness per frame", {
    motion: y * MOTION_MAX,
    percent,
  });

/** Shading of the motion that clips of the weights do not show on average. */
function beyondReach([least, most], plot) {
  const shade = (low, high) => {
    const [top, bottom] = [plot.py(high / MOTION_MAX), plot.py(low / MOTION_MAX)];
    const place = { x: plot.left, y: top, width: plot.width, height: bottom - top };
    return svg("rect", { class: "hc-beyond", ...place }, reachTitle(least, most));
  };
  const elements = [];
  if (least > 0) elements.push(shade(0, least));
  if (most < MOTION_MAX) elements.push(shade(most, MOTION_MAX), reachLabel(least, most, plot));
  return elements;
}

/** Above the plot, where no line is. */
function reachLabel(least, most, plot) {
  const content = translate("shaded: clips of this model average {most} at most", { most: Math.round(most) });
  const label = text("hc-small hc-reach", plot.right, plot.top - 4, content, "end");
  label.append(reachTitle(least, most));
  return label;
}

function reachTitle(least, most) {
  const values = { least: Math.round(least), most: Math.round(most) };
  return svg(
    "title",
    {},
    translate("Clips of this model show a motion of {least} to {most} on average; single frames can have more", values),
  );
}

const line = (kind, x1, y1, x2, y2) => svg("line", { class: kind, x1, y1, x2, y2 });

const text = (kind, x, y, content, anchor = kind.startsWith("hc-tick") ? "start" : "middle") =>
  svg("text", { class: kind, x, y, "text-anchor": anchor }, String(content));
