/**
 * Delivers the results of a run to the workflow that was open when the run was queued. If another workflow is open when
 * they arrive (its nodes may have the same ids), they wait until theirs is opened again.
 */

import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";

const receivers = new Map(); // key of a node's ui output -> callback
const workflows = new Map(); // prompt id -> workflow
const requests = new Set(); // requests to queue a prompt that the server has not answered yet
const pending = new WeakMap(); // workflow -> messages that arrived while another one was open
let loading = false; // the graph is being replaced: its nodes may not be those of the open workflow until that changes

const openWorkflow = () => app.extensionManager.workflow.activeWorkflow;

app.registerExtension({
  name: "HiGen.Runs",
  beforeConfigureGraph() {
    loading = receivers.size > 0; // not before listen()
  },
});

/** Call `receive(value, executionId)` with each node's ui output of this key, as soon as its workflow is open. */
export function onResult(key, receive) {
  if (receivers.size === 0) listen();
  receivers.set(key, receive);
}

function listen() {
  const queuePrompt = api.queuePrompt;
  const queued = async (workflow, args) => {
    const prompt = await queuePrompt.apply(api, args); // another extension may have replaced it, and answer nothing
    if (prompt?.prompt_id) workflows.set(prompt.prompt_id, workflow);
    return prompt;
  };
  api.queuePrompt = (...args) => {
    const request = queued(openWorkflow(), args);
    requests.add(request);
    return request.finally(() => requests.delete(request));
  };
  api.addEventListener("executed", async ({ detail }) => {
    if (!Object.keys(detail.output ?? {}).some((key) => receivers.has(key))) return;
    await Promise.allSettled(requests); // a node may finish before the response with the prompt's id arrives
    const workflow = workflows.get(detail.prompt_id) ?? openWorkflow(); // unknown if the page was reloaded meanwhile
    pending.set(workflow, [...(pending.get(workflow) ?? []), detail]);
    deliverPending();
  });
  app.extensionManager.workflow.$onAction(({ name, after }) => {
    if (name !== "openWorkflow") return;
    after(() => {
      loading = false;
      setTimeout(deliverPending);
    });
  });
}

function deliverPending() {
  if (loading) return;
  const messages = pending.get(openWorkflow()) ?? [];
  pending.delete(openWorkflow());
  for (const { output, node, display_node } of messages)
    for (const [key, receive] of receivers) if (output[key]) receive(output[key], display_node ?? node);
}
