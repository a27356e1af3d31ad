/** Numbers from a workflow, whose fields can hold anything that JSON can. */

/** A number, or a text of one, as a number within low..high; `fallback` for everything else. */
export function bounded(value, low, high, fallback) {
  const isNumber = typeof value === "number" || (typeof value === "string" && value.trim() !== "");
  const number = isNumber ? Number(value) : Number.NaN;
  return Number.isNaN(number) ? fallback : Math.min(high, Math.max(low, number));
}
