/** The curve editor on HiGen Cue Schedule, connected with the node's widgets, in both renderers. */

import { app } from "../../scripts/app.js";
import { bounded } from "./lib/curve/numbers.js";
import { CurveEditor } from "./lib/editor/editor.js";
import { TRACKS } from "./lib/editor/tracks.js";
import { modelValues, motionReach, motionScale, onModelValues, standsForModel } from "./lib/model/defaults.js";
import { idleConstants } from "./lib/model/idle.js";
import { goOnPage, noteChange, noteReturn } from "./lib/page/graph_history.js";
import { chain, followLanguage, forward, keepOnNode, settle, useStyle } from "./lib/page/mount.js";
import { blendsOf, motionScaleOf, overlaysOf, receiversOf } from "./lib/results/overlays.js";
import { onResult } from "./lib/results/runs.js";
import { keepResults, recall, remember } from "./lib/results/store.js";

const NODE = "HiGenCueSchedule";
const STYLES = ["colors", "panel", "plot", "popup"];
const DEFAULTS = { frames: 32, fps: 8, motion: 500, appearance: 1 }; // of the released model
const [MAX_FRAMES, MIN_FPS, MAX_FPS] = [1024, 0.1, 1000]; // more than the node takes; a workflow can hold any number
const MIN_SIZE = [420, 520];
const CURVES = "curves"; // the result of a schedule: its curves, as lib/results/overlays.js describes them
const EARLIER_PROPERTY = "higen_curves"; // held the result in files of earlier versions
const CURVE_INPUTS = Object.values(TRACKS).map(({ input }) => input);
const editors = new Map(); // node -> CurveEditor

app.registerExtension({
  name: "HiGen.CueSchedule",

  init() {
    for (const name of STYLES) useStyle(new URL(`./lib/editor/${name}.css`, import.meta.url));
  },

  setup() {
    onModelValues(() => {
      for (const editor of editors.values()) editor.drawAll();
    });
    app.canvas.canvas.addEventListener("litegraph:set-graph", settle);
    keepResults(() => {
      for (const editor of editors.values()) editor.drawAll();
    });
    onResult(({ higen_curves: entries = [] }) => {
      // of several videos of a run, the player shows the first
      for (const [node, kind, curves] of receiversOf(entries, app.rootGraph, meant).reverse()) {
        remember(node, CURVES, { ...recall(node, CURVES), [kind]: curves });
        editors.get(node)?.drawAll();
      }
    });
  },

  afterConfigureGraph: settle,

  nodeCreated(node) {
    if (node.comfyClass === NODE) addEditor(node);
  },
});

function addEditor(node) {
  followLanguage();
  const editor = new CurveEditor(hostOf(node));
  for (const input of CURVE_INPUTS) hide(widgetOf(node, input));
  const widget = node.addDOMWidget("curves", "HIGEN_CURVES", editor.element, {
    serialize: false,
    hideOnZoom: false,
    hideInPanel: true, // the side panel would show an empty row
    getMinHeight: () => 290,
  });
  widget.serialize = false;
  node.setSize(node.size.map((v, i) => Math.max(v, MIN_SIZE[i])));

  const dimConstants = idleConstants(node, editor);
  const refresh = () => {
    editor.refresh();
    dimConstants();
  };
  for (const input of node.widgets) if (input !== widget) chain(input, "callback", refresh);
  chain(node, "onConfigure", () => delete node.properties[EARLIER_PROPERTY]);
  for (const event of ["onConfigure", "onConnectionsChange"]) chain(node, event, refresh);
  keepOnNode(node, "curves", editor.element);
  chain(node, "onAdded", () => editors.set(node, editor));
  chain(node, "onRemoved", () => editors.delete(node));
}

/** The host of a node's editor; lib/editor/editor.js describes it. */
function hostOf(node) {
  /** The value of a widget, or the model's that it stands for, within bounds. */
  const number = (name, low, high) => {
    const value = widgetOf(node, name)?.value;
    const ofModel = bounded(modelValues(node)[name], low, high, DEFAULTS[name]);
    return standsForModel(name, value) ? ofModel : bounded(value, low, high, ofModel);
  };
  return {
    read: (name) => asText(widgetOf(node, TRACKS[name].input)?.value),
    write(name, text) {
      const widget = widgetOf(node, TRACKS[name].input);
      widget.value = text;
      widget.callback?.(text);
    },
    level: (name) => number(TRACKS[name].number, 0, TRACKS[name].top) / TRACKS[name].top,
    clip: () => ({
      frames: Math.round(number("frames", 2, MAX_FRAMES)),
      fps: number("fps", MIN_FPS, MAX_FPS),
      motionScale: motionScaleOf(recall(node, CURVES)) ?? motionScale(),
      reach: motionReach(),
    }),
    overlays: () => overlaysOf(recall(node, CURVES), (name) => meant(node, name, ownValue(node, name))),
    blends: () => blendsOf(node, recall(node, CURVES)),
    committed(direction) {
      if (direction) noteReturn(node, CURVE_INPUTS, direction);
      else noteChange();
      node.setDirtyCanvas(true, true);
    },
    goOn: goOnPage,
    panning: () => app.canvas.read_only,
    forward,
  };
}

const widgetOf = (node, name) => node.widgets?.find((widget) => widget.name === name);

/** The value of a widget; undefined while another node supplies it. */
function ownValue(node, name) {
  const linked = node.inputs?.some(({ widget, link }) => widget?.name === name && link != null);
  return linked ? undefined : widgetOf(node, name)?.value;
}

/** A value of an input, or the model's that it stands for. */
const meant = (node, name, value) => (standsForModel(name, value) ? (modelValues(node)[name] ?? value) : value);

const asText = (value) => (typeof value === "string" ? value : value == null ? "" : JSON.stringify(value));

/** Hide a widget in both renderers. It keeps its value, and its options, which the page may have read already. */
function hide(widget) {
  if (!widget) return;
  widget.hidden = true;
  widget.computeSize = () => [0, -4]; // no height: LiteGraph adds 4 pixels between rows
  widget.options ??= {};
  widget.options.hidden = true;
}
