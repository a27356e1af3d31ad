import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../../../nodes/web/lib/editor/colors.css", import.meta.url), "utf8");

/** The --hc-* colors of the first rule after `start`: {name: "#rrggbb"}. */
function colors(start) {
  const rule = css.slice(css.indexOf(start)).split("}")[0];
  return Object.fromEntries([...rule.matchAll(/--hc-(\w+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
}

/** Relative luminance and contrast as WCAG 2.1 defines them. */
function luminance(color) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const v = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
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
