// What HiGen nodes show after a run: Video Combine plays its video, Loader says what its weights were trained on.
// The last result is kept in the node's properties, so it is there again after a reload of the page.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const PROPERTY = "higen_shown";
const CAPTION_HEIGHT = 20; // pixels
const CAPTION_STYLE = "font: 11px sans-serif; color: var(--descrip-text, #999); text-align: center; line-height: 20px";

/** One entry a node type: the key of its ui output, what draws it, and the height it wants at a width, in pixels. */
const VIEWS = {
  HiGenVideoCombine: {
    key: "higen_video",
    draw: drawVideo,
    height: ([video], width) => (video.height / video.width) * width + CAPTION_HEIGHT,
  },
  HiGenLoader: {
    key: "text",
    draw: drawText,
    height: ([text], width) =>
      16 * text.split("\n").reduce((lines, line) => lines + Math.ceil((line.length * 6.5) / width), 0) + 8,
  },
};

app.registerExtension({
  name: "HiGen.Preview",
  nodeCreated(node) {
    const view = VIEWS[node.comfyClass];
    if (view) attach(node, view);
  },
});

function attach(node, view) {
  const element = document.createElement("div");
  element.className = `higen-preview ${view.key}`;
  element.style.cssText = "width: 100%; display: flex; flex-direction: column; overflow: hidden";
  element.addEventListener("wheel", zoomCanvas, { passive: true });
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

  const show = (items) => {
    if (items?.length) node.properties[PROPERTY] = items;
    else delete node.properties[PROPERTY];
    element.replaceChildren(...(items?.length ? view.draw(items) : []));
    node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
    node.setDirtyCanvas(true, true);
  };
  chain(node, "onExecuted", (output) => show(output?.[view.key]));
  chain(node, "onConfigure", () => shown() && show(shown()));
}

/** Runs `then` after the node's own handler of an event, if it has one. */
function chain(node, event, then) {
  const before = node[event];
  node[event] = function (...args) {
    before?.apply(this, args);
    then(...args);
  };
}

/** In the classic renderer widgets lie above the canvas, which would not see the wheel. */
function zoomCanvas(event) {
  if (!globalThis.LiteGraph?.vueNodesMode) app.canvas.canvas.dispatchEvent(new WheelEvent(event.type, event));
}

function drawVideo([video]) {
  const moving = video.format.startsWith("video/");
  const player = document.createElement(moving ? "video" : "img");
  if (moving) Object.assign(player, { autoplay: true, loop: true, muted: true, playsInline: true, controls: true });
  const { filename, subfolder, type } = video;
  player.style.cssText = "width: 100%; min-height: 0; flex: 1; object-fit: contain";
  const caption = document.createElement("div");
  caption.style.cssText = CAPTION_STYLE;
  caption.textContent = `${video.width}×${video.height} · ${video.frames} frames · ${video.fps} fps · ${filename}`;
  player.addEventListener("error", () => {
    caption.textContent = `${filename} is no longer there`;
    player.remove();
  });
  player.src = api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
  return [player, caption];
}

function drawText([text]) {
  const paragraph = document.createElement("div");
  paragraph.style.cssText = "font: 11px/16px sans-serif; color: var(--descrip-text, #999); white-space: pre-wrap";
  paragraph.textContent = text;
  return [paragraph];
}
