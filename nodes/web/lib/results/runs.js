/**
 * Delivers the results of a run to the workflow that was open when the run was queued. If another workflow is open when
 * they arrive (its nodes may have the same ids), they wait until theirs is opened again.
 */

import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";
import { nodeAt } from "./overlays.js";
import { ENDS, queued } from "./prompts.js";
import { isLoading, onOpened, openWorkflow } from "./workflows.js";

const MESSAGES = ["executed", "higen.prompt"]; // the latter is sent by nodes/models/prompt_notes.py
const receivers = []; // functions that receive results
const requests = new Set(); // requests to queue a prompt that the server has not answered yet
const pending = new WeakMap(); // workflow -> messages that arrived while another one was open

/** Call `receive(output, node, executionId)` with each output of a node that ran for the page, once its workflow is open. */
export function onResult(receive) {
  if (receivers.length === 0) listen();
  receivers.push(receive);
}

function listen() {
  const queuePrompt = api.queuePrompt; // another extension may have replaced it, and answer nothing
  api.queuePrompt = (...args) => {
    const workflow = openWorkflow();
    // called by the promise, so that an error in another extension does not come with this file in its call stack
    const request = Promise.resolve().then(queuePrompt.bind(api, ...args));
    const noted = request.then(
      (prompt) => prompt?.prompt_id && queued.add(prompt.prompt_id, workflow),
      () => {}, // whoever has queued the prompt handles it
    );
    requests.add(noted);
    noted.then(() => requests.delete(noted));
    return request;
  };
  const onMessage = async ({ detail }) => {
    await Promise.all(requests); // a node may finish before the response with the prompt's id arrives
    const workflow = queued.workflowOf(detail.prompt_id) ?? openWorkflow(); // unknown if the page was reloaded meanwhile
    pending.set(workflow, [...(pending.get(workflow) ?? []), detail]);
    deliverPending();
  };
  const onEnd = async ({ detail }) => {
    await Promise.all(requests);
    queued.end(detail);
  };
  for (const event of MESSAGES) api.addEventListener(event, onMessage);
  for (const event of ENDS) api.addEventListener(event, onEnd);
  onOpened(deliverPending);
}

function deliverPending() {
  if (isLoading()) return;
  const messages = pending.get(openWorkflow()) ?? [];
  pending.delete(openWorkflow());
  for (const { output, node: ran, display_node } of messages) {
    const id = display_node ?? ran;
    const node = nodeAt(app.rootGraph, id); // undefined if it was deleted meanwhile
    if (node) for (const receive of receivers) receive(output ?? {}, node, id);
  }
}
