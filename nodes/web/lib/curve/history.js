/** Undo and redo of values that are never changed in place. */
export class History {
  #past = [];
  #future = [];

  constructor(limit = 100) {
    this.limit = limit;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** Record the value before a change. */
  push(before) {
    this.#past = [...this.#past, before].slice(-this.limit);
    this.#future = [];
  }

  /** The value before the last change, or undefined. */
  undo(current) {
    if (!this.canUndo) return undefined;
    this.#future.push(current);
    return this.#past.pop();
  }

  /** The value before the last undo, or undefined. */
  redo(current) {
    if (!this.canRedo) return undefined;
    this.#past.push(current);
    return this.#future.pop();
  }
}
