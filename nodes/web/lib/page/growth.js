/** A node that grows for a text has not been edited. */

import { app } from "../../../../scripts/app.js";

const GROWN_MS = [0, 100, 500]; // Nodes 2.0 measures a node at an unknown time after its text has changed

/** Grow a node to the height that its widgets need, without a step of undo or a run of "Run (On Change)". */
export function grow(node) {
  node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
  for (const delay of GROWN_MS) setTimeout(() => enterSize(node), delay);
}

/** Enter the size of a node into the state of the graph that the page compares with the next one. */
function enterSize(node) {
  const state = app.extensionManager.workflow?.activeWorkflow?.changeTracker?.activeState;
  if (!state || !node.graph || node.graph.rootGraph !== app.rootGraph) return;
  const subgraph = () => state.definitions?.subgraphs?.find(({ id }) => id === node.graph.id);
  const graph = node.graph === app.rootGraph ? state : subgraph();
  const saved = graph?.nodes.find(({ id }) => String(id) === String(node.id));
  if (saved) saved.size = JSON.parse(JSON.stringify(node.serialize().size));
}
