/**
 * The templates of this pack open with the whole graph in view. Later pages than that of ComfyUI 0.3.75 do so by
 * themselves; that one can fit only a graph without a view in its file, and then moves the nodes of Nodes 2.0 apart.
 */

import { app } from "../../scripts/app.js";
import { isUnfitted } from "./lib/page/template_view.js";

const DRAWN_MS = 400; // Nodes 2.0 has drawn its nodes where they belong

app.registerExtension({
  name: "HiGen.TemplateView",

  afterConfigureGraph() {
    const graph = app.rootGraph;
    if (!graph.extra?.ds?.template) return;
    const saved = structuredClone(graph.extra.ds); // the canvas moves the offset of the original
    delete graph.extra.ds.template;
    setTimeout(() => {
      if (app.rootGraph === graph && isUnfitted(saved, app.canvas.ds))
        app.extensionManager.command.execute("Comfy.Canvas.FitView");
    }, DRAWN_MS);
  },
});
