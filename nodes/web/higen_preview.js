/**
 * What HiGen nodes show after a run: Video Combine plays its video, Loader says what its weights were trained on.
 * The last result is kept in the node's properties, so it is there again after a reload of the page.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { chain, followLanguage, forward, keepOnNode, noteChange, useStyle } from "./lib/mount.js";
import { player } from "./lib/player.js";

const PROPERTY = "higen_shown";
const BELOW_VIDEO = 46; // pixels: the slider and the file's name
const LINE = 16; // pixels

/** One entry a node type: the key of its ui output, what draws it, and the height it wants at a width, in pixels. */
const VIEWS = {
  HiGenVideoCombine: {
    key: "higen_video",
    draw: ([video]) => player(video, urlOf(video)),
    height: ([video], width) => (video.height / video.width) * width + BELOW_VIDEO,
  },
  HiGenLoader: {
    key: "text",
    draw: ([text]) => [Object.assign(document.createElement("div"), { className: "hp-text", textContent: text })],
    height: ([text], width) =>
      LINE * text.split("\n").reduce((lines, line) => lines + Math.ceil((line.length * 6.5) / width), 0) + 8,
  },
};

app.registerExtension({
  name: "HiGen.Preview",

  init() {
    useStyle("player.css");
  },

  nodeCreated(node) {
    const view = VIEWS[node.comfyClass];
    if (view) attach(node, view);
  },
});

function attach(node, view) {
  followLanguage();
  const element = document.createElement("div");
  element.className = "higen-preview";
  element.addEventListener("wheel", forward, { passive: false });
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
  chain(node, "onExecuted", (output) => {
    show(output?.[view.key]);
    noteChange();
  });
  chain(node, "onConfigure", () => shown() && show(shown()));
}

function urlOf({ filename, subfolder, type }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}
