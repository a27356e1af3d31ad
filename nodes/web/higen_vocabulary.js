/** The words that the selected weights know, on HiGen Loader, before any run. */

import { app } from "../../scripts/app.js";
import { translate } from "./lib/language/translate.js";
import { infoOf, LOADER, onModelValues, selectedBy } from "./lib/model/defaults.js";
import { html } from "./lib/page/elements.js";
import { addFitted, textHeight } from "./lib/page/fitted_widget.js";
import { chain, followLanguage, scrollOrForward, useStyle } from "./lib/page/mount.js";
import { vocabularyList } from "./lib/vocabulary/list.js";
import { fillOrCopy } from "./lib/vocabulary/target.js";

const NAME = "higen_vocabulary";
const MIN_WIDTH = 300; // pixels: the tabs of mini's groups in one row
const LIST_HEIGHT = 170; // pixels: the tabs and the examples of mini, which scroll on a narrow loader
const WHOLE_LIST_HEIGHT = 220; // pixels: the examples of mini in lines that wrap, on a loader with room for them
const TEXT_MARGIN = 12; // pixels above and below a text in place of the list
const updates = new Map(); // loader -> function that shows the words of its weights

app.registerExtension({
  name: "HiGen.Vocabulary",

  init() {
    useStyle(new URL("./lib/vocabulary/vocabulary.css", import.meta.url));
  },

  setup() {
    onModelValues(() => {
      for (const update of updates.values()) update();
    });
  },

  nodeCreated(node) {
    if (node.comfyClass === LOADER) addList(node);
  },
});

function addList(node) {
  followLanguage();
  const element = html("div", "higen-vocabulary");
  element.addEventListener("wheel", scrollOrForward(".hv-panel, .hv-line"), { passive: false });
  let shown = null; // the info or the text that is shown
  const heightOr = (list) => (typeof shown === "string" ? textHeight(node, shown) + TEXT_MARGIN : list);
  const least = () => heightOr(LIST_HEIGHT);
  const most = () => heightOr(WHOLE_LIST_HEIGHT);
  const { fit } = addFitted(node, NAME, element, least, most);
  node.setSize([Math.max(node.size[0], MIN_WIDTH), node.size[1]]);

  const update = () => {
    const content = contentOf(node);
    if (content === shown) return;
    shown = content;
    const pick = (prompt, example) => fillOrCopy(node, prompt, example);
    if (typeof shown === "string") element.replaceChildren(html("div", "hv-line", { title: shown }, shown));
    else element.replaceChildren(...vocabularyList(shown, pick));
    fit();
  };
  for (const event of ["onConfigure", "onConnectionsChange"]) chain(node, event, update);
  chain(node, "onAdded", () => {
    updates.set(node, update);
    update();
  });
  chain(node, "onRemoved", () => updates.delete(node));
}

/** The info of the loader's model, if it has a vocabulary, or else a text in its place. */
function contentOf(node) {
  const weights = selectedBy(node);
  if (weights === null) return translate("Another node selects the weights: their words cannot be listed here");
  const info = infoOf(weights);
  if (!info) return "…";
  if (info.error) return translate("The words of these weights cannot be listed: {error}", { error: info.error });
  return info.vocabulary.length ? info : translate("These weights list no words: a prompt may use any");
}
