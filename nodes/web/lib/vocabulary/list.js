/** The words that weights know, in groups: a row of tabs, and the phrases of one group below. */

import { translate } from "../language/translate.js";
import { html } from "../page/elements.js";

const EXAMPLES = "examples";
const KEEP_SELECTION = ["pointerdown", "pointerup", "mousedown", "mouseup", "click"]; // of nodes
const DONE = {
  filled: "filled in",
  copied: "copied",
  selected: "selected, Ctrl+C copies it",
};

/**
 * Elements that show `info.vocabulary` and `info.prompts`, of a model. `pick(prompt, element)` uses an example and
 * resolves to a key of DONE.
 */
export function vocabularyList({ vocabulary, prompts }, pick) {
  const groups = Object.keys(prompts.groups).length ? prompts.groups : { words: { "": vocabulary } };
  const pages = Object.entries(groups).map(([name, lists]) => [name, () => Object.entries(lists).map(phrases)]);
  if (prompts.examples.length) pages.unshift([EXAMPLES, () => [hint(), ...prompts.examples.map(example(pick))]]);
  const panel = html("div", "hv-panel", { role: "tabpanel", tabindex: 0 });
  panel.dataset.captureWheel = "true"; // or the Vue renderer zooms the canvas
  const tabs = pages.map(([name, draw]) => {
    const tab = html("button", "hv-tab", { type: "button", role: "tab" }, translate(name));
    tab.addEventListener("click", () => open(tab, draw));
    return tab;
  });
  function open(tab, draw) {
    for (const each of tabs) each.setAttribute("aria-selected", String(each === tab));
    panel.replaceChildren(...draw());
    panel.scrollTop = 0;
  }
  open(tabs[0], pages[0][1]);
  const label = translate("Words that this model knows: {count}", { count: vocabulary.length });
  return [html("div", "hv-tabs", { role: "tablist", "aria-label": label, title: label }, ...tabs), panel];
}

function phrases([label, words]) {
  const title = label ? [html("b", "", {}, `${translate(label)}: `)] : [];
  return html("div", "hv-phrases", {}, ...title, words.join(", "));
}

const hint = () => html("div", "hv-hint", {}, translate("Click an example to use it as the prompt"));

const example = (pick) => (prompt) => {
  const button = html("button", "hv-example", { type: "button" }, prompt);
  for (const event of KEEP_SELECTION) button.addEventListener(event, (pressed) => pressed.stopPropagation());
  button.addEventListener("click", async () => {
    for (const other of button.parentElement.querySelectorAll("[data-done]")) delete other.dataset.done;
    button.dataset.done = translate(DONE[await pick(prompt, button)]);
  });
  return button;
};
