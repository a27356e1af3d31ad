/**
 * Warnings on the nodes that encode prompts: words and combinations that the weights were not trained on. A run tells
 * them, and each goes when its words leave the text.
 */

import { app } from "../../scripts/app.js";
import { translate } from "./lib/language/translate.js";
import { onModelValues, selectedWeights } from "./lib/model/defaults.js";
import { html } from "./lib/page/elements.js";
import { addTexts } from "./lib/page/fitted_widget.js";
import { chain, followLanguage, forward, useStyle } from "./lib/page/mount.js";
import { allNodes, outside } from "./lib/results/nodes.js";
import { onResult } from "./lib/results/runs.js";
import { keepResults, recall, remember } from "./lib/results/store.js";
import { merged, remaining } from "./lib/vocabulary/notes.js";

const WIDGET = "higen_prompt";
const RESULT = "prompt"; // of a node: {id of the node that encoded: {weights, unknown, notes}}
const UNKNOWN = "This model was not trained on: {words}"; // as in nodes/models/prompt_notes.py
const views = new WeakMap(); // node -> function that shows its warnings

app.registerExtension({
  name: "HiGen.Prompt",

  init() {
    for (const file of ["./lib/model/note.css", "./lib/vocabulary/vocabulary.css"])
      useStyle(new URL(file, import.meta.url));
  },

  setup() {
    const refreshAll = () => {
      for (const node of allNodes()) refresh(node);
    };
    keepResults(refreshAll);
    onModelValues(refreshAll);
    onResult(({ higen_prompt: [warnings] = [] }, node, executionId) => {
      if (!warnings) return;
      const entry = { weights: selectedWeights(), ...warnings };
      for (const each of [node, ...outside(executionId)]) {
        const before = recall(each, RESULT);
        const now = textOf(each) === null ? entry : merged(before?.[executionId], entry);
        remember(each, RESULT, { ...before, [executionId]: now });
        refresh(each);
      }
    });
  },

  nodeCreated(node) {
    if (mayEncode(node)) attach(node);
  },
});

/** Whether a node may encode a prompt, or holds nodes that do. Nodes 2.0 shows no widget that comes later. */
const mayEncode = (node) =>
  node.isSubgraphNode?.() ||
  (node.inputs?.some(({ type }) => type === "CLIP") && node.widgets?.some(({ value }) => typeof value === "string"));

const refresh = (node) => views.get(node)?.();

function lines(node) {
  const entries = Object.values(recall(node, RESULT) ?? {}).filter(({ weights }) => weights === selectedWeights());
  const { unknown, notes } = remaining(entries, textOf(node));
  const texts = notes.map(({ text, values }) => translate(text, values));
  return [...(unknown.length ? [translate(UNKNOWN, { words: unknown.join(", ") })] : []), ...texts];
}

/** The texts in a node's own widgets; null if another node sets one of them. */
function textOf({ widgets = [], inputs = [] }) {
  const texts = widgets.filter(({ name, value }) => typeof value === "string" && name !== WIDGET);
  const isLinked = ({ name }) => inputs.some((input) => input.widget?.name === name && input.link != null);
  return texts.some(isLinked) ? null : texts.map(({ value }) => value).join("\n");
}

function attach(node) {
  followLanguage();
  const element = html("div", "higen-note hv-warning", { role: "status" });
  element.addEventListener("wheel", forward, { passive: false });
  const { widget, show } = addTexts(node, WIDGET, element);
  views.set(node, () => show(lines(node)));
  for (const input of node.widgets ?? []) if (input !== widget) chain(input, "callback", () => refresh(node));
  chain(node, "onConnectionsChange", () => refresh(node));
}
