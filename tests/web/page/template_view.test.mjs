import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { fittedView } from "../../../nodes/web/lib/page/template_view.js";

const WORKFLOWS = new URL("../../../workflows/", import.meta.url);
const TEXTS_ARE_DRAWN = 8 / 14; // LiteGraph's least scale for the texts of nodes
const LAPTOP = { width: 1440, height: 800 }; // the canvas in a browser that fills a screen of 1440x900 pixels

const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);

test("a tall graph fills the height beside the panels", () => {
  const canvas = { width: 1280, height: 900 };
  const boxes = [
    [-20, -20, 400, 1410],
    [420, -20, 380, 100],
  ];
  const { scale, offset } = fittedView(boxes, canvas);
  near(scale, (900 - 115 - 70) / 1410);
  near((-20 + offset[1]) * scale, 115);
  const margins = [(-20 + offset[0]) * scale - 80, 1280 - 30 - (800 + offset[0]) * scale];
  near(margins[0], margins[1]);
});

test("a small graph is not enlarged", () => {
  assert.equal(fittedView([[0, 0, 100, 100]], { width: 1280, height: 900 }).scale, 1);
});

test("a banner that moves the bars down moves the graph down", () => {
  const boxes = [[-20, -20, 400, 1410]];
  const { scale, offset } = fittedView(boxes, { width: 1280, height: 900 }, 125);
  near(scale, (900 - 155 - 70) / 1410);
  near((-20 + offset[1]) * scale, 155);
});

test("all templates open with the texts of nodes on a laptop", () => {
  const blank = readdirSync(WORKFLOWS)
    .filter((name) => name.endsWith(".json"))
    .filter((name) => {
      const { groups } = JSON.parse(readFileSync(new URL(name, WORKFLOWS)));
      const boxes = groups.map(({ bounding }) => bounding);
      return fittedView(boxes, LAPTOP).scale < TEXTS_ARE_DRAWN;
    });
  assert.deepEqual(blank, []);
});
