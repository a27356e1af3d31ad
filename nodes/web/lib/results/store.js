/**
 * Results of runs by workflow and node. They are no part of the graph: undo, "Run (On Change)" and saved files do not
 * know them. They are kept as long as a workflow's tab is open, through reloads of the page.
 */

import { isLoading, onOpened, openWorkflow, openWorkflows } from "./workflows.js";

const KEY = "higen.results"; // in the session storage: {path of workflow: {locator of node: {type, name: value, …}}}
const results = new WeakMap(); // change tracker of an open workflow -> {locator: {type, name: value, …}}
let earlier = null; // {path: …} of workflows that were not shown since the last reload of the page; null before start()

/** Keep results, and call `refresh()` when a graph is shown, whose nodes have other results than those before. */
export function keepResults(refresh) {
  if (earlier === null) start();
  onOpened(refresh);
}

function start() {
  earlier = read();
  onOpened((workflow, kind) => {
    const tracker = workflow.changeTracker;
    if (kind === "new") results.delete(tracker);
    else if (!results.has(tracker)) results.set(tracker, earlier[workflow.path] ?? {});
    delete earlier[workflow.path];
    write();
  });
  window.addEventListener("pagehide", write);
}

/** The result `name` of a node, or undefined. */
export function recall(node, name) {
  if (isLoading()) return undefined; // the results at hand are those of another workflow
  const entry = results.get(openWorkflow()?.changeTracker)?.[locatorOf(node)];
  return entry?.type === node.type ? entry[name] : undefined;
}

/** Set the result `name` of a node of the open workflow; undefined removes it. */
export function remember(node, name, value) {
  const tracker = openWorkflow().changeTracker;
  const ofWorkflow = results.get(tracker) ?? {};
  const locator = locatorOf(node);
  const entry = ofWorkflow[locator]?.type === node.type ? ofWorkflow[locator] : { type: node.type };
  results.set(tracker, { ...ofWorkflow, [locator]: { ...entry, [name]: value } });
  write();
}

/** "7", or in a subgraph "id of the subgraph:7": the same for all instances of the subgraph. */
const locatorOf = ({ graph, id }) => (!graph || graph.isRootGraph ? `${id}` : `${graph.id}:${id}`);

function write() {
  const open = openWorkflows().map(({ path, changeTracker }) => [path, results.get(changeTracker) ?? earlier[path]]);
  const kept = JSON.stringify(Object.fromEntries(open.filter(([, ofWorkflow]) => ofWorkflow)));
  try {
    sessionStorage.setItem(KEY, kept);
  } catch (error) {
    sessionStorage.removeItem(KEY);
    console.warn(`HiGen: ${kept.length} characters of results will not survive a reload of the page`, error);
  }
}

function read() {
  try {
    return { ...JSON.parse(sessionStorage.getItem(KEY)) };
  } catch (error) {
    console.warn("HiGen: the results in the session storage are unreadable", error);
    return {};
  }
}
