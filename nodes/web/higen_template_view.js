/**
 * The templates of this pack open with the whole graph in view, beside the tabs and bars. The page itself looks at the
 * nodes alone, so that the titles of groups come under its bars; that of ComfyUI 0.3.75 moves the nodes of Nodes 2.0
 * apart while it fits a graph without a view, and shows no texts in a view of that size: those of our templates it does.
 *
 * The view in a template's file has the mark `template`; a page that saves the graph writes a view without it.
 */

import { app } from "../../scripts/app.js";
import { useStyle } from "./lib/page/mount.js";
import { fittedView } from "./lib/page/template_view.js";
import { onOpened } from "./lib/results/workflows.js";

const DRAWN_MS = 400; // the page has fitted the graph itself, and Nodes 2.0 has drawn its nodes where they belong
const MOVES = ["wheel", "pointerdown", "keydown"]; // the user looks elsewhere, which is left as it is

const readable = new WeakSet(); // workflows that were opened as templates of this pack
let isTemplate = false; // whether the graph that was loaded last is a template
let opening; // the timer of the template that was opened last

function showTexts(workflow) {
  if (isTemplate) readable.add(workflow);
  document.body.classList.toggle("higen-readable", readable.has(workflow));
}

function leave() {
  clearTimeout(opening);
  for (const move of MOVES) removeEventListener(move, leave, true);
}

app.registerExtension({
  name: "HiGen.TemplateView",

  setup() {
    useStyle(new URL("./lib/page/template_view.css", import.meta.url));
    onOpened(showTexts);
  },

  afterConfigureGraph() {
    leave();
    const graph = app.rootGraph;
    isTemplate = Boolean(graph.extra?.ds?.template);
    if (!isTemplate) return;
    delete graph.extra.ds.template;
    opening = setTimeout(() => {
      leave();
      if (app.canvas.graph === graph) fit(graph);
    }, DRAWN_MS);
    for (const move of MOVES) addEventListener(move, leave, true);
  },
});

function fit(graph) {
  const boxes = [...graph.nodes, ...graph.groups].map(({ boundingRect, pos, size }) =>
    boundingRect?.[2] ? [...boundingRect] : [...pos, ...size],
  );
  const canvas = app.canvas.canvas.getBoundingClientRect();
  const run = document.querySelector("[data-testid=queue-button]")?.getBoundingClientRect();
  const { scale, offset } = fittedView(boxes, canvas, run ? run.bottom - canvas.top : 0);
  app.canvas.ds.scale = scale;
  app.canvas.ds.offset[0] = offset[0];
  app.canvas.ds.offset[1] = offset[1];
  app.canvas.setDirty(true, true);
}
