/**
 * Which open workflow the graph on the canvas belongs to. The page first replaces the graph and then opens the workflow,
 * so while a graph is loaded its nodes may not be those of `openWorkflow()`.
 */

import { app } from "../../../../scripts/app.js";

const listeners = [];
let watching = false;
let opened = false; // whether a workflow was opened since the start of the page
let loaded = null; // the graph that is being loaded, as {data, undo}; null when the graph is that of the open workflow

const store = () => app.extensionManager.workflow;

export const openWorkflow = () => store().activeWorkflow;

/** All workflows that have a tab. */
export const openWorkflows = () => store().openWorkflows;

export const isLoading = () => loaded !== null;

app.registerExtension({
  name: "HiGen.Workflows",
  beforeConfigureGraph(data) {
    const undo = Boolean(watching && openWorkflow()?.changeTracker?._restoringState);
    if (watching) loaded = { data, undo };
  },
});

/**
 * Call `listener(workflow, kind)` whenever a graph is loaded and its workflow is open. `kind` is
 *   "start"  the first workflow that the page opens, as a reload of the page does
 *   "again"  a tab is shown again, or an undo restores the graph of the open one
 *   "new"    the graph comes from elsewhere, such as a file
 */
export function onOpened(listener) {
  if (!watching) watch();
  listeners.push(listener);
}

function watch() {
  watching = true;
  store().$onAction(({ name, args: [workflow], after }) => {
    if (name !== "openWorkflow") return;
    const kind = kindOf(workflow);
    after(() => {
      opened = true;
      loaded = null;
      setTimeout(() => {
        if (!isLoading()) for (const listener of listeners) listener(openWorkflow(), kind);
      });
    });
  });
}

function kindOf(workflow) {
  if (!opened) return "start";
  if (loaded?.undo) return "again";
  if (!openWorkflows().some(({ path }) => path === workflow.path)) return "new";
  const tracker = workflow.changeTracker;
  if (!tracker) return "again"; // a tab of the last session, which is loaded only now
  const mayBeReplaced = workflow.path === openWorkflow()?.path || workflow.isPersisted; // by a file of the same name
  if (!mayBeReplaced || !loaded) return "again";
  return tracker.constructor.graphEqual(tracker.activeState, loaded.data) ? "again" : "new";
}
