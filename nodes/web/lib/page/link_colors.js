/** Colors of the types of links that ComfyUI's palettes do not know. They draw a type without a color in gray. */

/** By type; a color has a contrast of 3 or more to the backgrounds of the canvas in the dark and the light palette. */
export const LINK_COLORS = { HIGEN_CUES: "#0a8080" };

/**
 * Give types a color in a map of the canvas, {type: color}. A palette that is chosen later empties the colors of all
 * types that it does not know; one that knows them has its way.
 */
export function keepColors(map) {
  for (const [type, color] of Object.entries(LINK_COLORS)) {
    let current = map[type] || color;
    Object.defineProperty(map, type, {
      configurable: true,
      enumerable: true,
      get: () => current,
      set: (value) => {
        current = value || color;
      },
    });
  }
}

/** The style sheet for the slots of Nodes 2.0. */
export function slotStyle() {
  const variables = Object.entries(LINK_COLORS).map(([type, color]) => `--color-datatype-${type}: ${color};`);
  return `:root { ${variables.join(" ")} }`;
}
