import assert from "node:assert/strict";
import { test } from "node:test";
import { curvesFor, nodeAt, overlaysOf } from "../../nodes/web/lib/overlays.js";

/** A graph as ids to nodes; a node with `subgraph` holds another. */
const graph = (nodes) => ({ getNodeById: (id) => nodes[id] });
const inner = { id: 7 };
const outer = { id: 7 };
const root = graph({ 7: outer, 3: { subgraph: graph({ 2: { subgraph: graph({ 7: inner }) } }) } });

test("an execution id leads to its node, through subgraphs", () => {
  assert.equal(nodeAt(root, "7"), outer);
  assert.equal(nodeAt(root, "3:2:7"), inner);
  assert.equal(nodeAt(root, "9"), undefined);
  assert.equal(nodeAt(root, "9:7"), undefined);
  assert.equal(nodeAt(root, "7:1"), undefined);
});

const entry = (schedules, kind, motion) => ({ schedules, kind, motion, appearance: [1, 0.5] });
const outputs = {
  4: { images: [] },
  5: { higen_curves: [entry(["7"], "measured", [100]), entry(["7"], "extracted", [50])] },
  8: { higen_curves: [entry(["3:2:7", "6"], "measured", [200])] },
};

test("each node gets the curves that belong to it and no others", () => {
  assert.deepEqual(
    curvesFor(outer, outputs, root).map(({ kind, motion }) => [kind, ...motion]),
    [
      ["measured", 100],
      ["extracted", 50],
    ],
  );
  assert.deepEqual(
    curvesFor(inner, outputs, root).map(({ motion }) => motion),
    [[200]],
  );
  assert.deepEqual(curvesFor({}, outputs, root), []);
  assert.deepEqual(curvesFor(outer, undefined, root), []);
});

test("a later curve of the same kind replaces the earlier one", () => {
  const two = {
    5: { higen_curves: [entry(["7"], "measured", [1])] },
    6: { higen_curves: [entry(["7"], "measured", [2])] },
  };
  assert.deepEqual(
    curvesFor(outer, two, root).map(({ motion }) => motion),
    [[2]],
  );
});

test("each entry is drawn once per cue it has", () => {
  assert.deepEqual(overlaysOf([{ kind: "measured", motion: [1], appearance: [] }]), [
    { kind: "measured", name: "motion", values: [1] },
  ]);
});
