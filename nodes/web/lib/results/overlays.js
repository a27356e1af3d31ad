/**
 * Curves that a run sends back: measured in the finished video, or extracted from another one.
 *
 * A node that has frames or cues sends `ui.higen_curves = [{schedules, kind, motion, appearance, motion_scale, inputs}]`.
 * `schedules` are the execution ids ("7", inside subgraphs "3:7") of the Cue Schedule nodes that show the curves. `kind`
 * is "measured" or "extracted". `motion` has one value 0..1000 per step between frames, `appearance` one factor 0..1 per
 * frame; either may be missing. `inputs` has, for each schedule, those that its curves came from: {id: {name: value}}.
 * The curves of a schedule are {kind: {motion, appearance, motion_scale, inputs}}, with its own inputs.
 */

import { constant, evaluator, parse } from "../curve/curve.js";
import { bounded } from "../curve/numbers.js";
import { TRACKS } from "../editor/tracks.js";

const NODE = "HiGenCueSchedule";
const POSITIONS = Array.from({ length: 1001 }, (_, i) => i / 1000); // at which curves are compared
const SAME_HEIGHT = 2e-5; // texts of curves have 5 decimals

/** The node with an execution id, also inside subgraphs; undefined if it was deleted. */
export function nodeAt(graph, executionId) {
  return String(executionId)
    .split(":")
    .reduce((node, id, depth) => inGraph(depth === 0 ? graph : node?.subgraph, id), null);
}

/** Ids of nodes are numbers in frontend 1.32 and strings in later ones. */
const inGraph = (graph, id) => graph?.getNodeById(id) ?? graph?.getNodeById(Number(id));

/**
 * The schedule nodes that entries are for, with the curves of each: [[node, kind, curves], …]. `meant(node, name, value)`
 * is what the value of an input stands for.
 */
export function receiversOf(entries, graph, meant = (_, __, value) => value) {
  const resolved = (node, inputs) =>
    inputs && Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, meant(node, name, value)]));
  return entries.flatMap(({ schedules, kind, inputs, ...curves }) =>
    schedules
      .map((id) => [nodeAt(graph, id), inputs?.[id]])
      .filter(([node]) => node?.comfyClass === NODE) // a deleted node gives undefined
      .map(([node, own]) => [node, kind, { ...curves, inputs: resolved(node, own) }]),
  );
}

/**
 * The lines that an editor draws for the curves of its schedule: [{kind, name, values, outdated}]. `valueNow(name)` is the
 * present value of an input, undefined while another node supplies it: lines that come from other curves than those
 * drawn now are outdated.
 */
export function overlaysOf(curves, valueNow) {
  return Object.entries(curves ?? {}).flatMap(([kind, ofKind]) => {
    const outdated = differ(ofKind?.inputs ?? {}, valueNow);
    return Object.keys(TRACKS)
      .filter((name) => ofKind?.[name]?.length > 1)
      .map((name) => ({ kind, name, values: ofKind[name], outdated }));
  });
}

/** Whether the present inputs give other curves than those of a run. */
function differ(inputs, valueNow) {
  const differs = (name) => name in inputs && valueNow(name) !== undefined && inputs[name] !== valueNow(name);
  return differs("frames") || Object.values(TRACKS).some((track) => trackDiffers(track, inputs, valueNow, differs));
}

/** An input that `inputs` lack was a link, or had no effect. A number has none while its curve is drawn. */
function trackDiffers({ input, number, top }, inputs, valueNow, differs) {
  if (!(input in inputs)) return differs(number) && !valueNow(input);
  const [text, textNow] = [inputs[input], valueNow(input)];
  if (!text && !textNow) return differs(number);
  if (text === textNow || textNow === undefined) return false;
  try {
    const [height, heightNow] = [heights(text, inputs[number], top), heights(textNow, valueNow(number), top)];
    return POSITIONS.some((x) => !(Math.abs(height(x) - heightNow(x)) < SAME_HEIGHT));
  } catch {
    return true; // unreadable, which the editor reports
  }
}

/** The function from position to height of a curve's text, or without one of its constant. */
const heights = (text, number, top) => evaluator(text ? parse(text) : constant(number / top));

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
