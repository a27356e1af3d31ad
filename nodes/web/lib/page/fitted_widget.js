/** DOM widgets that are as high as what they show, and make their node grow with it. */

import { html } from "./elements.js";
import { grow } from "./growth.js";
import { keepOnNode } from "./mount.js";

const FILLING = ["curves", "higen_shown"]; // widgets of this pack that fill the rest of a node
const LINE = 15; // pixels
const CHARACTER = 6; // pixels of a wide one

/**
 * Add an element to a node. `height()` is that of its content in pixels, `most()` what it takes of a node with more room.
 * Returns the widget, and `fit()` to call when the content has changed.
 */
export function addFitted(node, name, element, height, most = height) {
  const widget = node.addDOMWidget(name, name, element, {
    serialize: false,
    hideOnZoom: false,
    hideInPanel: true, // the side panel would show an empty row
    margin: 0,
    getMinHeight: height,
    getMaxHeight: most,
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false;
  if (most === height) {
    widget.computeLayoutSize = undefined; // or Nodes 2.0 gives it an equal part of the height that a node has to spare
    widget.computeSize = (width) => [width, height()];
  }
  placeBefore(node, widget, FILLING);
  keepOnNode(node, name, element);
  const fit = () => {
    element.style.minHeight = `${height()}px`;
    grow(node);
    node.setDirtyCanvas(true, true);
  };
  return { widget, fit };
}

/** The height of a text in lines that wrap on a node, in pixels. */
export const textHeight = (node, text) =>
  LINE * Math.ceil((text.length * CHARACTER) / Math.max(100, node.size[0] - 30));

/** Add an element that shows texts, one below the other. Returns the widget, and `show(texts)`. */
export function addTexts(node, name, element) {
  const height = () => [...element.childNodes].reduce((sum, { textContent }) => sum + textHeight(node, textContent), 0);
  const { widget, fit } = addFitted(node, name, element, height);
  const show = (texts) => {
    if (texts.join("\n") === element.dataset.text) return;
    element.dataset.text = texts.join("\n");
    element.replaceChildren(...texts.map((text) => html("div", "", {}, text)));
    fit();
  };
  return { widget, show };
}

/** Move the last widget of a node before those of some names: extensions add theirs in any order. */
function placeBefore(node, widget, names) {
  const index = node.widgets.findIndex(({ name }) => names.includes(name));
  if (index < 0) return;
  node.widgets.pop();
  node.widgets.splice(index, 0, widget);
}
