/**
 * Curves that came back from a run: what was measured on the video, or extracted from another one.
 *
 * A node that has pixels or cues sends `ui.higen_curves = [{schedules, kind, motion, appearance, motion_scale}]`:
 * schedules are the execution ids ("7", inside subgraphs "3:7") of the Cue Schedule nodes it belongs to, kind is
 * "measured" or "extracted", motion has one value 0..1000 between each two frames, appearance one factor 0..1 a frame
 * (either may be missing). They are kept in the schedule node's properties, and so survive undo and reload.
 */

const NODE = "HiGenCueSchedule";
const PROPERTY = "higen_curves";

/** The node an execution id stands for, walking into subgraphs; undefined when it is gone. */
export function nodeAt(graph, executionId) {
  return String(executionId)
    .split(":")
    .reduce((node, id, depth) => (depth === 0 ? graph : node?.subgraph)?.getNodeById(Number(id)), null);
}

/** Hand entries to the schedule nodes they belong to; of each kind a node keeps the last. Returns those nodes. */
export function deliver(entries, graph) {
  const reached = entries.flatMap(({ schedules, kind, ...curves }) =>
    schedules
      .map((id) => nodeAt(graph, id))
      .filter((node) => node?.comfyClass === NODE) // deleted meanwhile
      .map((node) => {
        node.properties[PROPERTY] = { ...node.properties[PROPERTY], [kind]: curves };
        return node;
      }),
  );
  return new Set(reached);
}

/** What the editor of a node draws: [{kind, name, values}]. */
export function overlaysOf(node) {
  return Object.entries(node.properties[PROPERTY] ?? {}).flatMap(([kind, curves]) =>
    ["motion", "appearance"]
      .filter((name) => curves?.[name]?.length > 1)
      .map((name) => ({ kind, name, values: curves[name] })),
  );
}

/**
 * How much of each cue comes from other cues: {name: {values, strength 0..1}} for the sources that are connected and
 * that a run has shown.
 */
export function pullsOf(node) {
  const extracted = node.properties[PROPERTY]?.extracted ?? {};
  const connected = (name) => node.inputs?.some((input) => input.name === `${name}_from` && input.link != null);
  const strength = (name) => Number(node.widgets?.find((widget) => widget.name === `${name}_strength`)?.value ?? 1);
  const names = ["motion", "appearance"].filter((name) => extracted[name]?.length > 1 && connected(name));
  return Object.fromEntries(names.map((name) => [name, { values: extracted[name], strength: strength(name) }]));
}

/** Motion cue per mean absolute change of a pixel in [0, 1], as the weights of the last run say; null before one. */
export function motionScaleOf(node) {
  const scales = Object.values(node.properties[PROPERTY] ?? {}).map((curves) => curves?.motion_scale);
  return scales.find((scale) => scale > 0) ?? null;
}
