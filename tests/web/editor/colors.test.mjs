import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { contrast } from "../contrast.mjs";

const css = readFileSync(new URL("../../../nodes/web/lib/editor/colors.css", import.meta.url), "utf8");

/** The --hc-* colors of the first rule after `start`: {name: "#rrggbb"}. */
function colors(start) {
  const rule = css.slice(css.indexOf(start)).split("}")[0];
  return Object.fromEntries([...rule.matchAll(/--hc-(\w+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
}

for (const [theme, start] of [
  ["light", ".higen-curves,\n"],
  ["dark", ".dark-theme .higen-curves,\n"],
]) {
  test(`${theme} theme: text and curves have enough contrast to their background`, () => {
    const { panel, accent, ...foreground } = colors(start);
    for (const name of ["text", "faint", "motion", "appearance"]) {
      assert.ok(contrast(foreground[name], panel) >= 4.5, `${name}: ${contrast(foreground[name], panel).toFixed(2)}`);
    }
    for (const name of ["text", "alert"]) {
      assert.ok(
        contrast(foreground[name], accent) >= 4.5,
        `${name} on accent: ${contrast(foreground[name], accent).toFixed(2)}`,
      );
    }
  });
}

test("contrast has the values of the standard", () => {
  assert.equal(contrast("#ffffff", "#000000").toFixed(1), "21.0");
  assert.equal(contrast("#777777", "#ffffff").toFixed(2), "4.48");
});
