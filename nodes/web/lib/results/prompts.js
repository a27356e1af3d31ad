/** Which workflow each prompt was queued from, for as long as the server may send results of it. */

export const ENDS = ["execution_success", "execution_error", "execution_interrupted"]; // events of the page's api

export class QueuedPrompts {
  #workflows = new Map(); // prompt id -> workflow, the one queued first at the front

  /** No event tells of a prompt that was deleted from the queue: beyond `limit` prompts the oldest is forgotten. The
   * limit is more than anybody queues at once, as the oldest may be the next to run. */
  constructor(limit = 10000) {
    this.limit = limit;
  }

  get count() {
    return this.#workflows.size;
  }

  add(promptId, workflow) {
    this.#workflows.set(promptId, workflow);
    if (this.count > this.limit) this.#workflows.delete(this.#workflows.keys().next().value);
  }

  /** The workflow of a prompt; undefined if the page did not queue it, or it has ended. */
  workflowOf(promptId) {
    return this.#workflows.get(promptId);
  }

  /** Forget the prompt that one of ENDS is about. An error of a blocked node is none: the others still run. */
  end({ prompt_id, exception_type }) {
    if (exception_type !== "ExecutionBlocked") this.#workflows.delete(prompt_id);
  }
}

/** Those that this page has queued. */
export const queued = new QueuedPrompts();
