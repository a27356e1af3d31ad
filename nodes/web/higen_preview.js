/**
 * What HiGen nodes show after a run: Video Combine plays its video, Loader lists what its weights were trained on.
 * The last result is shown again after undo, in another tab and after a reload of the page.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { html } from "./lib/page/elements.js";
import { chain, followLanguage, keepOnNode, scrollOrForward, useStyle } from "./lib/page/mount.js";
import { allNodes, outside } from "./lib/results/nodes.js";
import { nodeAt } from "./lib/results/overlays.js";
import { gallery } from "./lib/results/player.js";
import { onResult } from "./lib/results/runs.js";
import { keepResults, recall, remember } from "./lib/results/store.js";

const WIDGET = "higen_shown"; // also the property that held the result in files of earlier versions
const SHOWN = "shown"; // the result of a node: the items that its view shows
const CONTROLS_HEIGHT = 46; // pixels: the slider and the file name
const ARROWS_HEIGHT = 26; // pixels
const TEXT_HEIGHT = 50; // pixels: three lines; a longer text scrolls, so that the node does not grow over its neighbors

/** By node type: the key of its ui output, the elements that show it, and their height in pixels at a width. */
const VIEWS = {
  HiGenVideoCombine: {
    key: "higen_video",
    draw: (videos) => gallery(videos, urlOf),
    height: (videos, width) =>
      Math.max(...videos.map((video) => video.height / video.width)) * width +
      CONTROLS_HEIGHT +
      (videos.length > 1 ? ARROWS_HEIGHT : 0),
  },
  HiGenLoader: {
    key: "text",
    draw: ([text]) => [textBox(text)],
    height: () => TEXT_HEIGHT,
  },
};

const views = new WeakMap(); // node -> function that shows its result

app.registerExtension({
  name: "HiGen.Preview",

  init() {
    useStyle(new URL("./lib/results/player.css", import.meta.url));
  },

  setup() {
    keepResults(() => {
      for (const node of allNodes()) refresh(node);
    });
    onResult((output, node, executionId) => {
      const view = VIEWS[node.comfyClass];
      if (!view) return;
      if (!output.images || output.higen_video) removeImages(node);
      const shown = [node, ...(node.comfyClass === "HiGenVideoCombine" ? outside(executionId) : [])];
      for (const each of shown) {
        remember(each, SHOWN, output[view.key]);
        refresh(each);
      }
    });
    api.addEventListener("executed", ({ detail }) => hideSecondPreview(detail));
  },

  nodeCreated(node) {
    const view = VIEWS[node.comfyClass];
    if (view) attach(node, view);
  },
});

/** Remove the images that the page itself shows for an output of png files: it leaves those of the run before. */
function removeImages(node) {
  node.imgs = undefined;
  const preview = node.widgets?.find(({ name }) => name === "$$canvas-image-preview");
  if (preview) node.removeWidget(preview);
}

/** Keep Nodes 2.0 from showing an animation a second time; it looks at this flag once, right after the message. */
function hideSecondPreview({ output, node: ran, display_node }) {
  const node = nodeAt(app.rootGraph, display_node ?? ran);
  if (node?.comfyClass === "HiGenVideoCombine") node.hideOutputImages = Boolean(output?.higen_video);
}

/** Keep the canvas from drawing an animation a second time; it looks at the images, which it loads later. */
function hideImages(node) {
  let images;
  Object.defineProperty(node, "imgs", {
    configurable: true,
    get: () => (node.hideOutputImages ? undefined : images),
    set: (loaded) => {
      images = loaded;
    },
  });
}

/** Show the result of a node. A subgraph node has no view until there is a video to show. */
function refresh(node) {
  if (node.isSubgraphNode?.() && !views.has(node) && recall(node, SHOWN)) attach(node, VIEWS.HiGenVideoCombine);
  views.get(node)?.();
}

function attach(node, view) {
  followLanguage();
  hideImages(node);
  const element = html("div", "higen-preview widget-expands");
  element.addEventListener("wheel", scrollOrForward(".hp-text"), { passive: false });
  const items = () => recall(node, SHOWN);
  const height = () => (items() ? view.height(items(), node.size[0] - 20) : 0);
  const widget = node.addDOMWidget(WIDGET, WIDGET, element, {
    serialize: false,
    hideOnZoom: false,
    hideInPanel: true, // the side panel would show an empty row
    getMinHeight: height,
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false;
  keepOnNode(node, WIDGET, element);
  chain(node, "onConfigure", () => delete node.properties[WIDGET]);

  views.set(node, () => {
    element.replaceChildren(...(items() ? view.draw(items()) : []));
    node.hideOutputImages = Boolean(items());
    element.style.minHeight = `${height()}px`;
    node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
    node.setDirtyCanvas(true, true);
  });
}

function textBox(text) {
  const element = html("div", "hp-text", { tabindex: 0 }, text);
  element.dataset.captureWheel = "true"; // or the Vue renderer zooms the canvas
  return element;
}

function urlOf({ filename, subfolder, type }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}
