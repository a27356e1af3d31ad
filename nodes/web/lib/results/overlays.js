/**
 * Curves that a run sends back: measured in the finished video, or extracted from another one.
 *
 * A node that has frames or cues sends `ui.higen_curves = [{schedules, kind, motion, appearance, motion_scale}]`.
 * `schedules` are the execution ids ("7", inside subgraphs "3:7") of the Cue Schedule nodes that show the curves. `kind`
 * is "measured" or "extracted". `motion` has one value 0..1000 per step between frames, `appearance` one factor 0..1 per
 * frame; either may be missing. The curves of a schedule are {kind: {motion, appearance, motion_scale}}.
 */

import { bounded } from "../curve/numbers.js";

const NODE = "HiGenCueSchedule";

/** The node with an execution id, also inside subgraphs; undefined if it was deleted. */
export function nodeAt(graph, executionId) {
  return String(executionId)
    .split(":")
    .reduce((node, id, depth) => inGraph(depth === 0 ? graph : node?.subgraph, id), null);
}

/** Ids of nodes are numbers in frontend 1.32 and strings in later ones. */
const inGraph = (graph, id) => graph?.getNodeById(id) ?? graph?.getNodeById(Number(id));

/** The schedule nodes that entries are for, with the curves of each: [[node, kind, curves], …]. */
export function receiversOf(entries, graph) {
  return entries.flatMap(({ schedules, kind, ...curves }) =>
    schedules
      .map((id) => nodeAt(graph, id))
      .filter((node) => node?.comfyClass === NODE) // a deleted node gives undefined
      .map((node) => [node, kind, curves]),
  );
}

/** The lines that an editor draws for the curves of its schedule: [{kind, name, values}]. */
export function overlaysOf(curves) {
  return Object.entries(curves ?? {}).flatMap(([kind, ofKind]) =>
    ["motion", "appearance"]
      .filter((name) => ofKind?.[name]?.length > 1)
      .map((name) => ({ kind, name, values: ofKind[name] })),
  );
}

/**
 * Cues that are blended with the drawn curves: {name: {values, strength 0..1}}. Only sources that are connected and
 * whose values a run has sent.
 */
export function blendsOf(node, curves) {
  const extracted = curves?.extracted ?? {};
  const connected = (name) => node.inputs?.some((input) => input.name === `${name}_from` && input.link != null);
  const strength = (name) =>
    bounded(node.widgets?.find((widget) => widget.name === `${name}_strength`)?.value, 0, 1, 1);
  const names = ["motion", "appearance"].filter((name) => extracted[name]?.length > 1 && connected(name));
  return Object.fromEntries(names.map((name) => [name, { values: extracted[name], strength: strength(name) }]));
}

/** Motion cue per mean absolute change of a pixel in [0, 1], from the weights of the last run; null before a run. */
export function motionScaleOf(curves) {
  const scales = Object.values(curves ?? {}).map((ofKind) => ofKind?.motion_scale);
  return scales.find((scale) => scale > 0) ?? null;
}
