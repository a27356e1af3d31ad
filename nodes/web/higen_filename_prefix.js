/**
 * filename_prefix of Video Combine takes the placeholders of Save Image: %date:yyyy-MM-dd%, %HiGenTemporalSampler.seed%.
 * The page replaces them when a prompt is queued; the saved workflow keeps them.
 */

import { app } from "../../scripts/app.js";

app.registerExtension({
  name: "HiGen.FilenamePrefix",

  nodeCreated(node) {
    if (node.comfyClass !== "HiGenVideoCombine") return;
    const widget = node.widgets.find(({ name }) => name === "filename_prefix");
    widget.serializeValue = () => window.comfyAPI.utils.applyTextReplacements(app, widget.value);
  },
});
