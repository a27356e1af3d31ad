/**
 * What a run sends back, handed to the workflow that was open when the run was queued. If another one is open by then,
 * whose nodes may have the same ids, results wait until theirs is opened again.
 */

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

const receivers = new Map(); // key of a node's ui output -> who takes it
const workflows = new Map(); // prompt id -> workflow
const asking = new Set(); // requests to queue a prompt that the server has not answered yet
const kept = new WeakMap(); // workflow -> messages that came while another one was open

const opened = () => app.extensionManager.workflow.activeWorkflow;

/** Call `receive(value, executionId)` with a node's ui output of this key, as soon as its workflow is open. */
export function onResult(key, receive) {
  if (receivers.size === 0) watch();
  receivers.set(key, receive);
}

function watch() {
  const queue = api.queuePrompt;
  api.queuePrompt = async (...args) => {
    const workflow = opened();
    const answer = queue.apply(api, args).then((prompt) => {
      workflows.set(prompt.prompt_id, workflow);
      return prompt;
    });
    asking.add(answer);
    return answer.finally(() => asking.delete(answer));
  };
  api.addEventListener("executed", async ({ detail }) => {
    if (!Object.keys(detail.output ?? {}).some((key) => receivers.has(key))) return;
    await Promise.allSettled(asking); // a node may be done before the answer with the prompt's id is here
    const workflow = workflows.get(detail.prompt_id) ?? opened(); // none: the page was loaded anew during the run
    kept.set(workflow, [...(kept.get(workflow) ?? []), detail]);
    handOver();
  });
  app.extensionManager.workflow.$onAction(({ name, after }) => {
    if (name === "openWorkflow") after(() => setTimeout(handOver));
  });
}

function handOver() {
  const messages = kept.get(opened()) ?? [];
  kept.delete(opened());
  for (const { output, node, display_node } of messages)
    for (const [key, receive] of receivers) if (output[key]) receive(output[key], display_node ?? node);
}
