/**
 * What HiGen nodes show after a run: Video Combine plays its video, Loader says what its weights were trained on.
 * The last result is kept in the node's properties, so it is there again after a reload of the page.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { chain, followLanguage, forward, keepOnNode, noteChange, useStyle } from "./lib/mount.js";
import { nodeAt } from "./lib/overlays.js";
import { player } from "./lib/player.js";
import { onResult } from "./lib/runs.js";

const PROPERTY = "higen_shown";
const BELOW_VIDEO = 46; // pixels: the slider and the file's name
const WORDS = 88; // pixels: five lines; longer words scroll, so that the node does not grow over its neighbours

/** One entry a node type: the key of its ui output, what draws it, and the height it needs at a width, in pixels. */
const VIEWS = {
  HiGenVideoCombine: {
    key: "higen_video",
    draw: ([video]) => player(video, urlOf(video)),
    height: ([video], width) => (video.height / video.width) * width + BELOW_VIDEO,
  },
  HiGenLoader: {
    key: "text",
    draw: ([text]) => [words(text)],
    height: () => WORDS,
  },
};

const shows = new WeakMap(); // node -> what shows a result on it

app.registerExtension({
  name: "HiGen.Preview",

  init() {
    useStyle("player.css");
  },

  setup() {
    for (const [type, { key }] of Object.entries(VIEWS))
      onResult(key, (items, executionId) => {
        const node = nodeAt(app.rootGraph, executionId);
        if (node?.comfyClass !== type) return; // deleted meanwhile, or another node's output of the same key
        shows.get(node)(items);
        noteChange();
      });
  },

  nodeCreated(node) {
    const view = VIEWS[node.comfyClass];
    if (view) attach(node, view);
  },
});

function attach(node, view) {
  followLanguage();
  const element = document.createElement("div");
  element.className = "higen-preview widget-expands";
  const wheel = (event) => (scrolls(event.target) ? event.stopPropagation() : forward(event));
  element.addEventListener("wheel", wheel, { passive: false });
  const shown = () => node.properties[PROPERTY];
  const height = () => (shown() ? view.height(shown(), node.size[0] - 20) : 0);
  const widget = node.addDOMWidget(PROPERTY, PROPERTY, element, {
    serialize: false,
    hideOnZoom: false,
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
  shows.set(node, show);
  chain(node, "onConfigure", () => shown() && show(shown()));
}

function words(text) {
  const element = document.createElement("div");
  Object.assign(element, { className: "hp-text", textContent: text, tabIndex: 0 });
  element.dataset.captureWheel = "true"; // or Vue nodes take it for the canvas
  return element;
}

/** Whether an element has more to show than fits: then the wheel is its own. */
const scrolls = ({ scrollHeight, clientHeight }) => scrollHeight > clientHeight;

function urlOf({ filename, subfolder, type }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}
