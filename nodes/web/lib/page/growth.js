/** A node that grows for a text has not been edited. */

import { app } from "../../../../scripts/app.js";
import { changeTracker, savedNode } from "./graph_history.js";

const GROWN_MS = [0, 100, 500]; // Nodes 2.0 measures a node at an unknown time after its text has changed

/** Grow a node to the height that its widgets need, without a step of undo or a run of "Run (On Change)". */
export function grow(node) {
  node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
  for (const delay of GROWN_MS) setTimeout(() => enterLayout(node), delay);
}

/**
 * Enter the size of a node into the state of the graph that the page compares with the next one; and its position,
 * which the page of ComfyUI 0.3.75 measures anew in Nodes 2.0 and so changes by less than a pixel.
 */
function enterLayout(node) {
  const state = changeTracker()?.activeState;
  if (!state || !node.graph || node.graph.rootGraph !== app.rootGraph) return;
  const saved = savedNode(state, node);
  if (!saved) return;
  const { size, pos } = JSON.parse(JSON.stringify(node.serialize()));
  saved.size = size;
  if ([0, 1].every((axis) => Math.abs(saved.pos[axis] - pos[axis]) < 1)) saved.pos = pos;
}
