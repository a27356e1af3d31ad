/** The nodes of the open workflow, also those in subgraphs. */

import { app } from "../../../../scripts/app.js";
import { nodeAt } from "./overlays.js";

export function allNodes() {
  const subgraphs = app.rootGraph.subgraphs?.values() ?? [];
  return [app.rootGraph, ...subgraphs].flatMap(({ nodes }) => nodes);
}

/** The subgraph nodes that a node is in, such as that of a blueprint; none for a node of the root graph. */
export function outside(executionId) {
  const ids = String(executionId).split(":").slice(0, -1);
  return ids.map((_, depth) => nodeAt(app.rootGraph, ids.slice(0, depth + 1).join(":")));
}
