/** A line on each node that leaves values to the model: what they stand for, and what else a run had to say. */

import { app } from "../../scripts/app.js";
import { translate } from "./lib/language/translate.js";
import {
  askAgain,
  hasModelValues,
  keepRun,
  LOADER,
  modelValues,
  notesOf,
  notify,
  onModelValues,
  standsForModel,
} from "./lib/model/defaults.js";
import { html } from "./lib/page/elements.js";
import { addTexts } from "./lib/page/fitted_widget.js";
import { chain, followLanguage, forward, useStyle } from "./lib/page/mount.js";
import { onResult } from "./lib/results/runs.js";
import { keepResults } from "./lib/results/store.js";

const NAME = "higen_note";
const MIN_WIDTH = 300; // labels and values are whole in Nodes 2.0
const SAYS_MORE = ["HiGenApplyCues", "HiGenVideoNoise", "HiGenImagePrior"]; // they have notes, but no values of the model
const updates = new Map(); // node -> function that shows its texts again

app.registerExtension({
  name: "HiGen.ModelValues",

  init() {
    useStyle(new URL("./lib/model/note.css", import.meta.url));
  },

  setup() {
    onModelValues(() => {
      for (const update of updates.values()) update();
    });
    app.canvas.canvas.addEventListener("litegraph:set-graph", notify);
    keepResults(notify);
    onResult(({ higen_defaults: [values] = [], higen_notes: notes = [] }, node) => {
      if (updates.has(node)) keepRun(node, values ?? {}, notes);
    });
  },

  afterConfigureGraph: notify,

  nodeCreated(node) {
    if (node.isSubgraphNode?.()) chain(node, "onAdded", () => setTimeout(() => addNoteToSubgraph(node)));
    else if (hasModelValues(node) || SAYS_MORE.includes(node.comfyClass)) addNote(node);
    if (node.comfyClass === LOADER) {
      const weights = node.widgets?.find(({ name }) => name === "weights");
      if (weights) chain(weights, "callback", askAgain);
      for (const event of ["onAdded", "onRemoved"]) chain(node, event, () => setTimeout(notify));
    }
  },
});

/** Subgraphs with a model of their own get a note, once they have their nodes. */
function addNoteToSubgraph(node) {
  if (!node.graph || updates.has(node) || !hasModelValues(node)) return;
  updates.set(node, addNote(node));
  notify();
}

/** Returns the function that updates the note. */
function addNote(node) {
  followLanguage();
  const element = html("div", "higen-note", { role: "status" });
  element.addEventListener("wheel", forward, { passive: false });
  const { widget, show } = addTexts(node, NAME, element);
  if (!node.isSubgraphNode?.()) node.setSize([Math.max(node.size[0], MIN_WIDTH), node.size[1]]);

  const update = () => {
    const notes = notesOf(node).map(({ text, values }) => translate(text, translated(values)));
    show([valuesText(node), ...notes].filter(Boolean));
  };
  for (const input of node.widgets) if (input !== widget) chain(input, "callback", update);
  for (const event of ["onConfigure", "onConnectionsChange"]) chain(node, event, update);
  chain(node, "onAdded", () => {
    updates.set(node, update);
    update();
  });
  chain(node, "onRemoved", () => updates.delete(node));
  return update;
}

/** The values of a text's placeholders, those that are texts themselves in the page's language. */
const translated = (values) =>
  Object.fromEntries(Object.entries(values).map(([name, v]) => [name, typeof v === "string" ? translate(v) : v]));

/** "Model default: steps 0 → 12, cfg -1 → 3": the widgets whose value is left to the model, as far as it is known. */
function valuesText(node) {
  const values = modelValues(node);
  const left = (node.widgets ?? [])
    .filter(({ name, value, disabled }) => name in values && !disabled && standsForModel(name, value))
    .filter(({ name }) => !node.inputs?.some(({ widget, link }) => widget?.name === name && link != null));
  if (left.length === 0) return "";
  const listed = left.map(({ name, label, value }) => {
    const given = typeof value === "number" ? ` ${value}` : "";
    return `${label || name}${given} → ${values[name]}`;
  });
  return translate("Model default: {values}", { values: listed.join(translate(", ")) });
}
