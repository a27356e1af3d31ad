/**
 * Curves that a run sends back: measured in the finished video, or extracted from another one.
 *
 * A node that has frames or cues sends `ui.higen_curves = [{schedules, kind, motion, appearance, motion_scale, inputs}]`.
 * `schedules` are the execution ids ("7", inside subgraphs "3:7") of the Cue Schedule nodes that show the curves. `kind`
 * is "measured" or "extracted". `motion` has one value 0..1000 per step between frames, `appearance` one factor 0..1 per
 * frame; either may be missing. `inputs` has, for each schedule, those that its curves came from: {id: {name: value}}.
 * The curves of a schedule are {kind: {motion, appearance, motion_scale, inputs}}, with its own inputs.
 */

import { format, parse } from "../curve/curve.js";
import { bounded } from "../curve/numbers.js";
import { TRACKS } from "../editor/tracks.js";

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
  return entries.flatMap(
    ({ schedules, kind, inputs, ...curves }) =>
      schedules
        .map((id) => [nodeAt(graph, id), kind, { ...curves, inputs: inputs?.[id] }])
        .filter(([node]) => node?.comfyClass === NODE), // a deleted node gives undefined
  );
}

/**
 * The lines that an editor draws for the curves of its schedule: [{kind, name, values, outdated}]. `valueNow(name)` is the
 * present value of an input: lines that come from other curves than those drawn now are outdated.
 */
export function overlaysOf(curves, valueNow) {
  return Object.entries(curves ?? {}).flatMap(([kind, ofKind]) => {
    const outdated = differ(ofKind?.inputs ?? {}, valueNow);
    return Object.keys(TRACKS)
      .filter((name) => ofKind?.[name]?.length > 1)
      .map((name) => ({ kind, name, values: ofKind[name], outdated }));
  });
}

/** Whether the present inputs give other curves. A number has no effect while its curve is drawn. */
function differ(inputs, valueNow) {
  const differs = (name, same = (a, b) => a === b) => name in inputs && !same(inputs[name], valueNow(name));
  const tracks = Object.values(TRACKS);
  return (
    differs("frames") ||
    tracks.some(({ input, number }) => differs(input, sameCurve) || (differs(number) && !valueNow(input)))
  );
}

const sameCurve = (a, b) => a === b || normalized(a) === normalized(b);

/** The text of a curve as the editor writes it. */
function normalized(text) {
  try {
    return text ? format(parse(text)) : "";
  } catch {
    return text; // unreadable, which the editor reports
  }
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
