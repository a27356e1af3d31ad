/**
 * Warnings on the nodes that encode prompts: words and combinations that the weights were not trained on. The server
 * tells them as a text is written. For a text from another node a run does, and each goes when its words leave it.
 */

import { app } from "../../scripts/app.js";
import { translate } from "./lib/language/translate.js";
import { onModelValues, selectedBy, selectedWeights } from "./lib/model/defaults.js";
import { html } from "./lib/page/elements.js";
import { addTexts } from "./lib/page/fitted_widget.js";
import { chain, followLanguage, forward, useStyle } from "./lib/page/mount.js";
import { allNodes, outside } from "./lib/results/nodes.js";
import { onResult } from "./lib/results/runs.js";
import { keepResults, recall, remember } from "./lib/results/store.js";
import { answerFor, askSoon } from "./lib/vocabulary/ask.js";
import { loaderOf } from "./lib/vocabulary/encoders.js";
import { merged, remaining } from "./lib/vocabulary/notes.js";

const WIDGET = "higen_prompt";
const RESULT = "prompt"; // of a node: {id of the node that encoded: {weights, unknown, notes}}
const UNKNOWN = "This model was not trained on: {words}"; // as in nodes/models/prompt_notes.py
const answered = new WeakMap(); // node -> {weights, answer: what the server said last of a text of the node}
const views = new WeakMap(); // node -> function that shows its warnings

app.registerExtension({
  name: "HiGen.Prompt",

  init() {
    for (const file of ["./lib/model/note.css", "./lib/vocabulary/vocabulary.css"])
      useStyle(new URL(file, import.meta.url));
  },

  setup() {
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

  afterConfigureGraph() {
    refreshAll();
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

function refreshAll() {
  for (const node of allNodes()) refresh(node);
}

function lines(node) {
  const { unknown, notes } = written(node) ?? ofRun(node);
  const texts = notes.map(({ text, values }) => translate(text, values));
  return [...(unknown.length ? [translate(UNKNOWN, { words: unknown.join(translate(", ")) })] : []), ...texts];
}

/** What the server said of the text that is written in a node, as far as it has answered; null if it has never. */
function written(node) {
  const loader = loaderOf(node);
  const text = textOf(node);
  if (!loader || text === null) return null;
  const weights = selectedBy(loader);
  askSoon(node, weights, text, () => refresh(node));
  const answer = answerFor(weights, text);
  if (answer) answered.set(node, { weights, answer });
  const last = answered.get(node);
  return last?.weights === weights ? remaining([last.answer], text) : null;
}

function ofRun(node) {
  const entries = Object.values(recall(node, RESULT) ?? {}).filter(({ weights }) => weights === selectedWeights());
  return remaining(entries, textOf(node));
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
