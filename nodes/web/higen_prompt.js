/**
 * Warnings on the nodes that encode prompts: words and combinations that the weights were not trained on. A run tells
 * them, and each goes when its words leave the text.
 */

import { app } from "../../scripts/app.js";
import { translate } from "./lib/language/translate.js";
import { onModelValues, selectedWeights } from "./lib/model/defaults.js";
import { html } from "./lib/page/elements.js";
import { chain, followLanguage, forward, keepOnNode, useStyle } from "./lib/page/mount.js";
import { allNodes, outside } from "./lib/results/nodes.js";
import { onResult } from "./lib/results/runs.js";
import { keepResults, recall, remember } from "./lib/results/store.js";
import { merged, remaining } from "./lib/vocabulary/notes.js";

const WIDGET = "higen_prompt";
const RESULT = "prompt"; // of a node: {id of the node that encoded: {weights, unknown, notes}}
const UNKNOWN = "This model was not trained on: {words}"; // as in nodes/models/prompt_notes.py
const LINE = 15; // pixels
const CHARACTER = 6; // pixels of a wide one
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
    onResult(({ higen_prompt: [told] = [] }, node, executionId) => {
      if (!told) return;
      const entry = { weights: selectedWeights(), ...told };
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
  const linesOf = ({ textContent }) => Math.ceil((textContent.length * CHARACTER) / Math.max(100, node.size[0] - 30));
  const height = () => LINE * [...element.childNodes].reduce((sum, line) => sum + linesOf(line), 0);
  const widget = node.addDOMWidget(WIDGET, WIDGET, element, {
    serialize: false,
    hideOnZoom: false,
    hideInPanel: true, // the side panel would show an empty row
    margin: 0,
    getMinHeight: height,
    getMaxHeight: height,
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false;
  keepOnNode(node, WIDGET, element);
  views.set(node, () => {
    const texts = lines(node);
    if (texts.join("\n") === element.dataset.text) return;
    element.dataset.text = texts.join("\n");
    element.replaceChildren(...texts.map((text) => html("div", "", {}, text)));
    element.style.minHeight = `${height()}px`;
    node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
    node.setDirtyCanvas(true, true);
  });
  for (const input of node.widgets ?? []) if (input !== widget) chain(input, "callback", () => refresh(node));
  chain(node, "onConnectionsChange", () => refresh(node));
}
