/** Which loader the CLIP of a node comes from. */

import { LOADER } from "../model/defaults.js";

const PASSED_ON = ["CLIP", "*"]; // types of inputs that a node in between, such as a LoRA loader or a reroute, may have

/** The HiGen Loader whose CLIP reaches a node, through others such as LoRA loaders; null if there is none in its graph. */
export function loaderOf(node) {
  let current = node;
  for (const seen = new Set(); current && !seen.has(current); ) {
    if (current.comfyClass === LOADER) return current;
    seen.add(current);
    const input = current.inputs?.find(({ type, link }) => PASSED_ON.includes(type) && link != null);
    current = input ? originOf(input.link, current.graph) : null;
  }
  return null;
}

function originOf(link, graph) {
  return graph.getNodeById(graph.getLink(link)?.origin_id);
}
