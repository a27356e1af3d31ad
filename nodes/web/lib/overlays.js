/**
 * Curves that came back from a run, found in the outputs that the graph editor keeps.
 *
 * A node that has pixels or cues sends `ui.higen_curves = [{schedules, kind, motion, appearance, motion_scale}]`:
 * schedules are the execution ids ("7", inside subgraphs "3:7") of the Cue Schedule nodes it belongs to, kind is
 * "measured" or "extracted", motion has one value 0..1000 between each two frames, appearance one factor 0..1 a frame.
 */

/** The node an execution id stands for, walking into subgraphs; undefined when it is gone. */
export function nodeAt(graph, executionId) {
  return String(executionId)
    .split(":")
    .reduce((node, id, depth) => (depth === 0 ? graph : node?.subgraph)?.getNodeById(Number(id)), null);
}

/** All entries of all outputs that belong to a node; of each kind the one that came last in `outputs`. */
export function curvesFor(node, outputs, graph) {
  const entries = Object.values(outputs ?? {})
    .flatMap((output) => output?.higen_curves ?? [])
    .filter(({ schedules }) => schedules.some((id) => nodeAt(graph, id) === node));
  return Object.values(Object.fromEntries(entries.map((entry) => [entry.kind, entry])));
}

/** Entries -> what the editor draws. */
export const overlaysOf = (entries) =>
  entries.flatMap(({ kind, motion, appearance }) => [
    ...(motion?.length ? [{ kind, name: "motion", values: motion }] : []),
    ...(appearance?.length ? [{ kind, name: "appearance", values: appearance }] : []),
  ]);
