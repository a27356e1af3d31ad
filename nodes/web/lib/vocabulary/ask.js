/** What the server says of a prompt, before a run. */

import { api } from "../../../../scripts/api.js";

const MOST = 200; // answers that are kept
const TYPING_MS = 400;
const CHANGED_LATER = /[{}]|\/\/|\/\*/; // the page resolves {a|b} and removes comments as it queues a prompt
const answers = new Map(); // weights and text -> {unknown, notes}
const timers = new WeakMap(); // node -> timer

const keyOf = (weights, text) => JSON.stringify([weights, text]);

/** {unknown, notes} of a text for weights; undefined if the server was not asked. */
export const answerFor = (weights, text) => answers.get(keyOf(weights, text));

/** Ask once the user has stopped typing in a node, and then call `done()`. */
export function askSoon(node, weights, text, done) {
  clearTimeout(timers.get(node));
  if (!weights || !text?.trim() || CHANGED_LATER.test(text) || answerFor(weights, text)) return;
  const timer = setTimeout(async () => {
    const body = JSON.stringify({ weights, text });
    const headers = { "Content-Type": "application/json" };
    const response = await api.fetchApi("/higen/prompt_notes", { method: "POST", headers, body });
    if (!response.ok) return; // weights that are not there; a run says so
    answers.set(keyOf(weights, text), await response.json());
    if (answers.size > MOST) answers.delete(answers.keys().next().value);
    done();
  }, TYPING_MS);
  timers.set(node, timer);
}
