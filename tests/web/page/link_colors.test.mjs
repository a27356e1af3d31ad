import assert from "node:assert/strict";
import { test } from "node:test";

import { keepColors, LINK_COLORS } from "../../../nodes/web/lib/page/link_colors.js";
import { contrast } from "../contrast.mjs";

const CANVAS = ["#141414", "#222222", "#d3d3d3"]; // of the dark palettes and the light one

test("links are seen on the canvas of every palette", () => {
  for (const [type, color] of Object.entries(LINK_COLORS))
    for (const background of CANVAS) assert.ok(contrast(color, background) >= 3, `${type} on ${background}`);
});

test("a palette that does not know a type leaves it its color, one that does has its way", () => {
  const map = { IMAGE: "#64b5f6" };
  keepColors(map);
  assert.equal(map.HIGEN_CUES, LINK_COLORS.HIGEN_CUES);
  Object.assign(map, { HIGEN_CUES: "", IMAGE: "" }, { IMAGE: "#123456" });
  assert.deepEqual({ ...map }, { ...LINK_COLORS, IMAGE: "#123456" });
  Object.assign(map, { HIGEN_CUES: "" }, { HIGEN_CUES: "#abcdef" });
  assert.equal(map.HIGEN_CUES, "#abcdef");
  Object.assign(map, { HIGEN_CUES: "" });
  assert.equal(map.HIGEN_CUES, LINK_COLORS.HIGEN_CUES);
});
