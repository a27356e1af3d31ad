/** The curve editor on HiGen Cue Schedule: binds it to the node's widgets, in both renderers. */

import { app } from "../../scripts/app.js";
import { CurveEditor } from "./lib/editor.js";
import { chain, followLanguage, forward, keepOnNode, noteChange, settle, useStyle } from "./lib/mount.js";
import { deliver, motionScaleOf, overlaysOf, pullsOf } from "./lib/overlays.js";
import { onResult } from "./lib/runs.js";
import { TRACKS } from "./lib/tracks.js";

const NODE = "HiGenCueSchedule";
const RELEASED = { frames: 32, fps: 8 };
const MIN_SIZE = [420, 520];
const editors = new Map();

app.registerExtension({
  name: "HiGen.CueSchedule",

  init() {
    useStyle("curves.css");
  },

  setup() {
    app.canvas.canvas.addEventListener("litegraph:set-graph", settle);
    onResult("higen_curves", (entries) => {
      for (const node of deliver(entries, app.rootGraph)) editors.get(node)?.drawAll();
      noteChange();
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
  for (const { input } of Object.values(TRACKS)) hide(widget(node, input));
  const holder = node.addDOMWidget("curves", "HIGEN_CURVES", editor.element, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => 290,
  });
  holder.serialize = false;
  node.setSize(node.size.map((v, i) => Math.max(v, MIN_SIZE[i])));

  for (const other of node.widgets) if (other !== holder) chain(other, "callback", () => editor.refresh());
  for (const event of ["onConfigure", "onConnectionsChange"]) chain(node, event, () => editor.refresh());
  keepOnNode(node, "curves", editor.element);
  chain(node, "onAdded", () => editors.set(node, editor));
  chain(node, "onRemoved", () => editors.delete(node));
}

/** What the editor asks of the node; see lib/editor.js. */
function hostOf(node) {
  const number = (name, fallback) => {
    const value = Number(widget(node, name)?.value ?? fallback);
    return Number.isFinite(value) ? value : fallback;
  };
  return {
    read: (name) => asText(widget(node, TRACKS[name].input)?.value),
    write(name, text) {
      const target = widget(node, TRACKS[name].input);
      target.value = text;
      target.callback?.(text);
    },
    level: (name) => Math.min(1, Math.max(0, number(TRACKS[name].number, TRACKS[name].top / 2) / TRACKS[name].top)),
    clip: () => ({
      frames: Math.max(2, Math.round(number("frames", RELEASED.frames))),
      fps: number("fps", RELEASED.fps),
      motionScale: motionScaleOf(node),
    }),
    overlays: () => overlaysOf(node),
    pulls: () => pullsOf(node),
    committed() {
      noteChange();
      node.setDirtyCanvas(true, true);
    },
    panning: () => app.canvas.read_only,
    forward,
  };
}

const widget = (node, name) => node.widgets?.find((candidate) => candidate.name === name);

const asText = (value) => (typeof value === "string" ? value : value == null ? "" : JSON.stringify(value));

/** Keep a widget's value but show it in neither renderer. */
function hide(target) {
  if (!target) return;
  target.hidden = true;
  target.computeSize = () => [0, -4]; // takes no room: rows are 4 pixels apart
  target.options = { ...target.options, hidden: true };
}
