import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { blendsOf, motionScaleOf, nodeAt, overlaysOf, receiversOf } from "../../../nodes/web/lib/results/overlays.js";

/** A graph as ids to nodes; a node with `subgraph` holds another. */
const graph = (nodes) => ({ getNodeById: (id) => nodes[id] });

/** A graph that finds its nodes by ids of one type only. */
const strictGraph = (entries) => ({ getNodeById: (id) => new Map(entries).get(id) });
let inner, outer, root;

beforeEach(() => {
  inner = { comfyClass: "HiGenCueSchedule", properties: {} };
  outer = { comfyClass: "HiGenCueSchedule", properties: {} };
  root = graph({ 7: outer, 3: { subgraph: graph({ 2: { subgraph: graph({ 7: inner }) } }) } });
});

const entry = (schedules, kind, motion) => ({ schedules, kind, motion, appearance: [], motion_scale: 40_000 });

test("an execution id gives its node, also inside subgraphs", () => {
  assert.equal(nodeAt(root, "7"), outer);
  assert.equal(nodeAt(root, "3:2:7"), inner);
  assert.equal(nodeAt(root, "9"), undefined);
  assert.equal(nodeAt(root, "9:7"), undefined);
  assert.equal(nodeAt(root, "7:1"), undefined);
});

test("ids of nodes may be numbers or strings", () => {
  for (const id of [7, "7"]) assert.equal(nodeAt(strictGraph([[id, outer]]), "7"), outer);
  assert.equal(nodeAt(strictGraph([["a7", outer]]), "a7"), outer);
});

test("each node gets its own curves only", () => {
  const [first, second] = [entry(["7"], "measured", [1, 2]), entry(["3:2:7", "9"], "measured", [3, 4])];
  const receivers = receiversOf([first, second], root);
  assert.deepEqual(
    receivers.map(([node, kind, curves]) => [node === outer, node === inner, kind, curves.motion]),
    [
      [true, false, "measured", [1, 2]],
      [false, true, "measured", [3, 4]],
    ],
  );
});

test("a node of another type gets no curves", () => {
  const sampler = { comfyClass: "KSampler", properties: {} };
  assert.deepEqual(receiversOf([entry(["1"], "measured", [1, 2])], graph({ 1: sampler })), []);
});

test("the curves of each kind are lines", () => {
  assert.deepEqual(overlaysOf({ measured: { motion: [3, 4], appearance: [] }, extracted: { appearance: [0, 1] } }), [
    { kind: "measured", name: "motion", values: [3, 4], outdated: false },
    { kind: "extracted", name: "appearance", values: [0, 1], outdated: false },
  ]);
});

test("lines are outdated while the schedule has other curves than in its run", () => {
  const [flat, drawn] = ["[[0, 0.5]]", "[[0,0.1],[1,0.9]]"].map((p) => `{"points": ${p}, "interpolation": "linear"}`);
  const ran = { frames: 16, motion: 500, motion_curve: drawn, appearance_curve: "" }; // a link gives the appearance
  const outdated = (changed) => {
    const now = { ...ran, appearance: 1, ...changed };
    const [line] = overlaysOf({ measured: { motion: [3, 4], inputs: ran } }, (name) => now[name]);
    return line.outdated;
  };
  assert.equal(outdated({}), false);
  assert.equal(outdated({ motion_curve: drawn.replaceAll(" ", "") }), false);
  assert.equal(outdated({ motion: 100 }), false, "without effect while the curve is drawn");
  assert.equal(outdated({ appearance: 0 }), false);
  assert.equal(outdated({ frames: undefined, motion_curve: undefined }), false, "other nodes supply them");
  for (const changed of [{ motion_curve: flat }, { motion_curve: "" }, { appearance_curve: flat }, { frames: 24 }])
    assert.equal(outdated(changed), true);
});

test("lines are not outdated while another text gives the same values", () => {
  const text = (points, interpolation = "linear") => JSON.stringify({ points, interpolation });
  const ends = [0, 1].map((x) => [x, 0.33333]);
  const ran = { frames: 16, motion: 333.33, motion_curve: "", appearance: -1, appearance_curve: "" };
  const outdated = (changed, inputs = ran) =>
    overlaysOf({ measured: { motion: [3, 4], inputs } }, (name) => ({ ...ran, ...changed })[name])[0].outdated;
  assert.equal(outdated({ motion_curve: text(ends) }), false, "the constant as a curve");
  assert.equal(outdated({ motion_curve: text(ends.toSpliced(1, 0, [0.4, 0.33333]), "step") }), false);
  assert.equal(outdated({}, { ...ran, motion: 100, motion_curve: text(ends) }), false, "a curve as the constant");
  assert.equal(outdated({ motion_curve: text([ends[0], [1, 0.5]]) }), true);
  assert.equal(outdated({ motion_curve: text(ends.toSpliced(1, 0, [0.4, 0.5])) }), true);
  assert.equal(outdated({ motion_curve: "unreadable" }), true);
  assert.equal(outdated({ appearance_curve: text([[0, 0]]) }), true, "the model's own number is not known");
});

test("lines are not outdated while a number is replaced by the one that stood for it in their run", () => {
  const schedule = { comfyClass: "HiGenCueSchedule", properties: {} };
  const ran = { frames: 0, motion: -1, motion_curve: "" };
  const entries = [{ ...entry(["1"], "measured", [3, 4]), inputs: { 1: ran } }];
  const ofRun = { frames: 16, motion: 300 };
  const meant = (values) => (_, name, value) => (value <= 0 && value !== "" ? values[name] : value);
  const [[, kind, curves]] = receiversOf(entries, graph({ 1: schedule }), meant(ofRun));
  const outdated = (changed, now = ofRun) => {
    const valueNow = (name) => meant(now)(schedule, name, { ...ran, ...changed }[name]);
    return overlaysOf({ [kind]: curves }, valueNow)[0].outdated;
  };
  assert.equal(outdated({}), false);
  assert.equal(outdated({ motion: 300 }), false);
  assert.equal(outdated({ frames: 16 }), false);
  assert.equal(outdated({ motion_curve: JSON.stringify({ points: [[0, 0.3]], interpolation: "linear" }) }), false);
  assert.equal(outdated({ motion: 400 }), true);
  assert.equal(outdated({ frames: 24 }), true);
  const ofOtherWeights = { frames: 16, motion: 500 };
  assert.equal(outdated({ motion: 300 }, ofOtherWeights), false);
  assert.equal(outdated({}, ofOtherWeights), true);
});

test("the motion scale comes with the curves", () => {
  assert.equal(motionScaleOf(undefined), null);
  assert.equal(motionScaleOf({ extracted: {}, measured: { motion: [1, 2], motion_scale: 40_000 } }), 40_000);
});

test("a connected source is blended with its strength, after a run has sent it", () => {
  outer.inputs = [
    { name: "motion_from", link: 5 },
    { name: "appearance_from", link: null },
  ];
  outer.widgets = [{ name: "motion_strength", value: 0.25 }];
  assert.deepEqual(blendsOf(outer, undefined), {});
  const curves = { extracted: { motion: [5, 6], appearance: [0.1, 0.2, 0.3] } };
  assert.deepEqual(blendsOf(outer, curves), { motion: { values: [5, 6], strength: 0.25 } });
  outer.inputs[0].link = null;
  assert.deepEqual(blendsOf(outer, curves), {});
});
