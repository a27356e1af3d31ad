/** Changes of a node in the page's history of the graph, which undo, "Run (On Change)" and a reload of the page use. */

import { app } from "../../../../scripts/app.js";
import { leaveSteps, queuesOf } from "../curve/graph_steps.js";

const COMMANDS = { undo: "Comfy.Undo", redo: "Comfy.Redo" };

export const changeTracker = () => app.extensionManager.workflow?.activeWorkflow?.changeTracker;

/** A node as a state of the graph has it, also in a subgraph; undefined if that state is without it. */
export function savedNode(state, { graph, id }) {
  const subgraph = () => state.definitions?.subgraphs?.find((saved) => saved.id === graph.id);
  return (graph === app.rootGraph ? state : subgraph())?.nodes.find((saved) => String(saved.id) === String(id));
}

/** Record a change of the graph as a step. */
export function noteChange() {
  app.canvas.emitBeforeChange();
  app.canvas.emitAfterChange();
}

/** Record that a node has gone back or forward ("undo" or "redo") to earlier values of some widgets. */
export function noteReturn(node, names, direction) {
  const tracker = changeTracker();
  if (!tracker) return noteChange();
  const earlier = queuesOf(tracker);
  noteChange();
  const indices = names.map((name) => node.widgets.findIndex((widget) => widget.name === name));
  const values = (state) => JSON.stringify(indices.map((index) => savedNode(state, node)?.widgets_values?.[index]));
  leaveSteps(tracker, earlier, direction, (a, b) => values(a) === values(b), tracker.constructor.graphEqual);
}

let going = null; // the page's undo or redo that is not done yet: a held key asks for more than it can do at a time

/** Undo or redo the page's last step. */
export function goOnPage(direction) {
  going ??= app.extensionManager.command.execute(COMMANDS[direction]).finally(() => {
    going = null;
  });
}
