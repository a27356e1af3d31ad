/** Elements that belong to a node, kept on that node. */

import { app } from "../../../scripts/app.js";
import { useLanguage } from "./words.js";

const WAITS_MS = [100, 500, 2000];
const elements = new Map();

/** Register the element of a node's DOM widget. `kind` tells a node's several elements apart. */
export function keepOnNode(node, kind, element) {
  element.dataset.higenWidget = kind;
  chain(node, "onAdded", () => {
    elements.set(node, { ...elements.get(node), [kind]: element });
    settle();
  });
  chain(node, "onRemoved", () => elements.delete(node));
}

/**
 * Put every element back on its own node. Vue nodes keep the element of an earlier node with the same id: after undo,
 * in another workflow's tab, in another subgraph. They redraw in their own time, hence several tries.
 */
export function settle() {
  for (const wait of WAITS_MS) setTimeout(swapStale, wait);
}

function swapStale() {
  for (const shown of document.querySelectorAll("[data-node-id] [data-higen-widget]")) {
    const node = app.canvas.graph.getNodeById(shown.closest("[data-node-id]").dataset.nodeId);
    const wanted = elements.get(node)?.[shown.dataset.higenWidget];
    if (wanted && wanted !== shown) shown.replaceWith(wanted);
  }
}

/** Run `then` after an object's own handler of an event, if it has one. */
export function chain(object, event, then) {
  const before = object[event];
  object[event] = function (...args) {
    const result = before?.apply(this, args);
    then(...args);
    return result;
  };
}

/** Let the frontend see that the graph has changed: it keeps graphs over a reload of the page, and for undo. */
export function noteChange() {
  app.canvas.emitBeforeChange();
  app.canvas.emitAfterChange();
}

/** Give a pointer or wheel event to the graph's canvas: panning and zooming work over our elements, too. */
export function forward(event) {
  event.preventDefault();
  event.stopPropagation();
  app.canvas.canvas.dispatchEvent(new event.constructor(event.type, event));
}

/** Speak the frontend's language. It makes all nodes anew when the language changes, so ask when a node is made. */
export function followLanguage() {
  useLanguage(app.extensionManager.setting.get("Comfy.Locale"));
}

/** Load a stylesheet that lies beside this file, once. */
export function useStyle(name) {
  const href = new URL(`./${name}`, import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return;
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
}
