/**
 * What the values of widgets that are left to the model stand for: 0, -1 or "model default". The server tells it for the
 * weights that the workflow's loaders have selected, and a run for each node that ran.
 */

import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";
import { recall, remember } from "../results/store.js";

export const LOADER = "HiGenLoader";
const infos = new Map(); // weights -> info of the model, or {error}; null until the server has answered
const listeners = [];
const RUN = "modelValues"; // the result of a node: {weights, values} that its last run used, and {notes}

const nothing = () => ({});
const sampling = ({ sampling: { steps, sampler } }) => ({ steps, sampler });
const cues = ({ frames, fps, sampling: { motion, appearance } }) => ({ frames, fps, motion, appearance });

/** By node type: the values of its widgets for a model. */
const VALUES = {
  HiGenSpatialPriorSampler: (info) => ({
    width: info.width,
    height: info.height,
    ...sampling(info),
    cfg: info.sampling.prior_guidance,
  }),
  HiGenTemporalSampler: (info) => ({ ...sampling(info), cfg: info.sampling.video_guidance }),
  HiGenCueSchedule: cues,
  HiGenVideoCombine: ({ fps }) => ({ fps }),
  HiGenGuider: nothing, // its cfg depends on the stage, which a run tells
};

/** Whether a node has such widgets: those of this pack, and a subgraph with a model of its own, such as a blueprint. */
export const hasModelValues = (node) =>
  node.isSubgraphNode?.() ? holdsLoader(node.subgraph) : node.comfyClass in VALUES;

/** Call `listener()` when other values may be known. */
export const onModelValues = (listener) => listeners.push(listener);

export const notify = () => {
  for (const listener of listeners) listener();
};

/** Remember what a run of a node used in place of the values of its widgets, and what else it had to say. */
export function keepRun(node, values, notes) {
  remember(node, RUN, { weights: selectedWeights(), values, notes });
  notify();
}

/** What the last run of a node had to say: [{text, values}, …], for translate(). */
export const notesOf = (node) => recall(node, RUN)?.notes ?? [];

/** {widget: value} of the model for a node; {} while the model is not known. */
export function modelValues(node) {
  const info = selectedInfo();
  const known = node.isSubgraphNode?.()
    ? holdsLoader(node.subgraph)
      ? cues
      : nothing
    : (VALUES[node.comfyClass] ?? nothing);
  const run = recall(node, RUN);
  return { ...(info ? known(info) : {}), ...(run?.weights === selectedWeights() ? run.values : {}) };
}

/** The least and the most motion, 0..1000, that clips of the selected weights show on average; null while they are not known. */
export const motionReach = () => selectedInfo()?.motion_reach ?? null;

/** Motion per change of a pixel in 0..1, of the selected weights; null while they are not known. */
export const motionScale = () => selectedInfo()?.motion_scale ?? null;

/** Whether a widget's value stands for that of the model; as in nodes/sampling/settings.py. */
export function standsForModel(name, value) {
  if (name === "sampler") return value === "model default";
  return ["cfg", "motion", "appearance"].includes(name) ? Number(value) < 0 : Number(value) === 0;
}

/** The weights that all loaders of the workflow select; null if they differ, or there is no loader. */
export function selectedWeights() {
  const selected = new Set(Array.from(weightsIn(app.rootGraph), ([, weights]) => weights));
  return selected.size === 1 ? [...selected][0] : null;
}

/** What the server tells of these weights; null if it is not known. */
function selectedInfo() {
  const weights = selectedWeights();
  if (!weights) return null;
  const info = infoOf(weights);
  return info?.error ? null : info;
}

/** The weights that a loader selects; null if another node sets them. */
export function selectedBy(loader) {
  for (const [node, weights] of weightsIn(app.rootGraph)) if (node === loader) return weights;
  return widgetValue(loader, "weights"); // it is not in the graph yet
}

/** What the server says of weights: their info, or {error}. null until it has answered; `onModelValues` tells then. */
export function infoOf(weights) {
  if (!infos.has(weights)) ask(weights);
  return infos.get(weights);
}

/** Ask the server again for weights that it had no info of, and for the selected ones: there may be another file now. */
export function askAgain() {
  for (const [weights, info] of infos) if (info?.error) infos.delete(weights);
  infos.delete(selectedWeights());
  notify();
}

async function ask(weights) {
  infos.set(weights, null);
  try {
    const response = await api.fetchApi(`/higen/model_info?${new URLSearchParams({ weights })}`);
    infos.set(weights, await response.json()); // {error} for a file that is gone, for example
  } catch (error) {
    infos.set(weights, { error: String(error) }); // a server that starts anew
  }
  notify();
}

/** Each loader and the value of its widget `weights`, null if another node sets it. `outer` holds the graph. */
function* weightsIn(graph, outer = null) {
  for (const node of graph?.nodes ?? []) {
    if (node.comfyClass === LOADER) {
      const linked = node.inputs?.some(({ name, link }) => name === "weights" && link != null);
      yield [node, widgetValue(linked ? outer : node, "weights")];
    } else if (node.subgraph) yield* weightsIn(node.subgraph, node);
  }
}

const holdsLoader = (graph) => !weightsIn(graph).next().done;

const widgetValue = (node, name) => node?.widgets?.find((widget) => widget.name === name)?.value ?? null;
