/**
 * What HiGen nodes show after a run: Video Combine plays its video, Loader lists what its weights were trained on.
 * The last result is stored in the node's properties, so it is shown again after a reload of the page.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { html } from "./lib/page/elements.js";
import { chain, followLanguage, forward, keepOnNode, noteChange, useStyle } from "./lib/page/mount.js";
import { nodeAt } from "./lib/results/overlays.js";
import { player } from "./lib/results/player.js";
import { onResult } from "./lib/results/runs.js";

const PROPERTY = "higen_shown";
const CONTROLS_HEIGHT = 46; // pixels: the slider and the file name
const TEXT_HEIGHT = 88; // pixels: five lines; a longer text scrolls, so that the node does not grow over its neighbors

/** By node type: the key of its ui output, the elements that show it, and their height in pixels at a width. */
const VIEWS = {
  HiGenVideoCombine: {
    key: "higen_video",
    draw: ([video]) => player(video, urlOf(video)),
    height: ([video], width) => (video.height / video.width) * width + CONTROLS_HEIGHT,
  },
  HiGenLoader: {
    key: "text",
    draw: ([text]) => [textBox(text)],
    height: () => TEXT_HEIGHT,
  },
};

const views = new WeakMap(); // node -> function that shows a result on it

app.registerExtension({
  name: "HiGen.Preview",

  init() {
    useStyle(new URL("./lib/results/player.css", import.meta.url));
  },

  setup() {
    for (const [type, { key }] of Object.entries(VIEWS))
      onResult(key, (items, executionId) => {
        const node = nodeAt(app.rootGraph, executionId);
        if (node?.comfyClass !== type) return; // deleted meanwhile, or another node type with an output of this key
        views.get(node)(items);
        if (type === "HiGenVideoCombine") showOutside(executionId, items);
        noteChange();
      });
  },

  nodeCreated(node) {
    const view = VIEWS[node.comfyClass];
    if (view) attach(node, view);
    else if (node.isSubgraphNode?.())
      chain(node, "onConfigure", () => node.properties[PROPERTY] && viewOfSubgraph(node)(node.properties[PROPERTY]));
  },
});

/** Show a video also on the subgraph nodes that its Video Combine is in, such as that of a blueprint. */
function showOutside(executionId, items) {
  for (let ids = String(executionId).split(":").slice(0, -1); ids.length; ids.pop())
    viewOfSubgraph(nodeAt(app.rootGraph, ids.join(":")))(items);
}

/** The view of a subgraph node, which has none until there is a video to show. */
function viewOfSubgraph(node) {
  if (!views.has(node)) attach(node, VIEWS.HiGenVideoCombine);
  return views.get(node);
}

function attach(node, view) {
  followLanguage();
  const element = html("div", "higen-preview widget-expands");
  const onWheel = (event) => (scrolls(event.target) ? event.stopPropagation() : forward(event));
  element.addEventListener("wheel", onWheel, { passive: false });
  const stored = () => node.properties[PROPERTY];
  const height = () => (stored() ? view.height(stored(), node.size[0] - 20) : 0);
  const widget = node.addDOMWidget(PROPERTY, PROPERTY, element, {
    serialize: false,
    hideOnZoom: false,
    hideInPanel: true, // the side panel would show an empty row
    getMinHeight: height,
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false;
  keepOnNode(node, PROPERTY, element);

  const show = (items) => {
    if (items?.length) node.properties[PROPERTY] = items;
    else delete node.properties[PROPERTY];
    element.replaceChildren(...(items?.length ? view.draw(items) : []));
    element.style.minHeight = `${height()}px`;
    node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
    node.setDirtyCanvas(true, true);
  };
  views.set(node, show);
  chain(node, "onConfigure", () => stored() && show(stored()));
}

function textBox(text) {
  const element = html("div", "hp-text", { tabindex: 0 }, text);
  element.dataset.captureWheel = "true"; // or the Vue renderer zooms the canvas
  return element;
}

/** Whether an element's content is higher than the element, so that the wheel scrolls it. */
const scrolls = ({ scrollHeight, clientHeight }) => scrollHeight > clientHeight;

function urlOf({ filename, subfolder, type }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}
