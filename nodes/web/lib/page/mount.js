/** Keeps each DOM widget on its own node, and connects widgets with ComfyUI's canvas, language and styles. */

import { app } from "../../../../scripts/app.js";
import { setLocale } from "../language/translate.js";

const RETRIES_MS = [100, 500, 2000];
const elements = new Map(); // node -> {kind: element}

/** Register the element of a node's DOM widget. `kind` distinguishes the widgets of one node. */
export function keepOnNode(node, kind, element) {
  element.dataset.higenWidget = kind;
  chain(node, "onAdded", () => {
    elements.set(node, { ...elements.get(node), [kind]: element });
    settle();
  });
  chain(node, "onRemoved", () => elements.delete(node));
}

/**
 * Put every element back on its own node. After undo, in another workflow's tab and in another subgraph, the Vue
 * renderer keeps the element of an earlier node with the same id. It redraws at an unknown time, so this tries again.
 */
export function settle() {
  for (const delay of RETRIES_MS) setTimeout(replaceStaleElements, delay);
}

function replaceStaleElements() {
  for (const element of document.querySelectorAll("[data-node-id] [data-higen-widget]")) {
    const node = app.canvas.graph.getNodeById(element.closest("[data-node-id]").dataset.nodeId);
    const current = elements.get(node)?.[element.dataset.higenWidget];
    if (current && current !== element) element.replaceWith(current);
  }
}

/** Call `callback` after the object's own handler of an event, if it has one. */
export function chain(object, event, callback) {
  const original = object[event];
  object[event] = function (...args) {
    const result = original?.apply(this, args);
    callback(...args);
    return result;
  };
}

/** Pass a pointer or wheel event on to the graph's canvas, so that panning and zooming also work over a DOM widget. */
export function forward(event) {
  event.preventDefault();
  event.stopPropagation();
  app.canvas.canvas.dispatchEvent(new event.constructor(event.type, event));
}

/** Handles the wheel over a DOM widget: scrolls the part that matches `selector`, and at its end zooms the canvas. */
export const scrollOrForward = (selector) => (event) => {
  const part = event.target.closest(selector);
  if (part && canScroll(part, event)) event.stopPropagation();
  else forward(event);
};

/** Whether an element has more to show in the direction of the wheel. */
function canScroll({ scrollTop, scrollHeight, clientHeight }, { deltaY, ctrlKey }) {
  if (ctrlKey) return false; // it zooms
  const below = scrollHeight - clientHeight - scrollTop;
  return deltaY > 0 ? below >= 1 : deltaY < 0 && scrollTop > 0; // a part of a pixel is left at the end
}

/** Use the frontend's language. It creates all nodes again when the language changes, so call this for a new node. */
export function followLanguage() {
  setLocale(app.extensionManager.setting.get("Comfy.Locale"));
}

/** Load a stylesheet, given as URL, once. */
export function useStyle({ href }) {
  if (document.querySelector(`link[href="${href}"]`)) return;
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
}
