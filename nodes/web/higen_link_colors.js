/** Links and slots of this pack's own types have a color. */

import { app } from "../../scripts/app.js";
import { html } from "./lib/page/elements.js";
import { keepColors, slotStyle } from "./lib/page/link_colors.js";

app.registerExtension({
  name: "HiGen.LinkColors",

  setup() {
    document.head.append(html("style", "", {}, slotStyle()));
    keepColors(app.canvas.constructor.link_type_colors);
    keepColors(app.canvas.default_connection_color_byType);
  },
});
