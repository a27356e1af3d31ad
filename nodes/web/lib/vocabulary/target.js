/** The CLIP Text Encode node that an example prompt goes to. */

import { app } from "../../../../scripts/app.js";
import { noteChange } from "../page/graph_history.js";

const ENCODER = "CLIPTextEncode";

/** Fill in a prompt near a loader, or copy it if it is not clear where to. Returns "filled", "copied" or "selected". */
export async function fillOrCopy(loader, prompt, element) {
  const node = targetOf(loader);
  if (node) {
    const widget = textWidget(node);
    widget.value = prompt;
    widget.callback?.(prompt);
    node.setDirtyCanvas(true, true);
    noteChange();
    return "filled";
  }
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(prompt);
    return "copied";
  }
  getSelection().selectAllChildren(element); // pages over plain http have no clipboard
  return "selected";
}

/** The selected node, the only one, or the only one whose conditioning is positive; undefined if there is none. */
export function targetOf({ graph }) {
  const nodes = graph.nodes.filter((node) => node.type === ENCODER && !isLinked(node));
  const selected = nodes.filter((node) => app.canvas.selected_nodes?.[node.id] === node);
  const choices = [selected, nodes, nodes.filter((node) => isPositive(node, graph))];
  return choices.find(({ length }) => length === 1)?.[0];
}

const textWidget = (node) => node.widgets.find(({ name }) => name === "text");

const isLinked = ({ inputs }) => inputs?.some(({ name, link }) => name === "text" && link != null);

function isPositive({ outputs }, graph) {
  const links = outputs.flatMap(({ links }) => links ?? []).map((id) => graph.getLink(id));
  return links.some((link) => graph.getNodeById(link?.target_id)?.inputs[link.target_slot]?.name === "positive");
}
