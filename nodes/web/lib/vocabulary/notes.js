/** What a run said of a node's prompt, as far as it still holds for the text that the node has now. */

/** The words of a prompt, as in higen_core/models/prompts.py. */
export function wordsOf(text) {
  const found =
    text
      .normalize("NFC")
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{M}\p{So}'’]+/gu) ?? [];
  return new Set(found.map((word) => word.replace(/^['’]+|['’]+$/g, "").replace(/['’]s$/, "")));
}

/** What is known of a text after a run: that of another text of the same weights stays known. */
export function merged(before, now) {
  if (!before || before.weights !== now.weights) return now;
  const notes = new Map([...before.notes, ...now.notes].map((note) => [note.words.join(" "), note]));
  return { ...now, unknown: [...new Set([...before.unknown, ...now.unknown])], notes: [...notes.values()] };
}

/** The entries {unknown, notes} without what a text does not contain; all of them if the text is null, not known. */
export function remaining(entries, text) {
  const present = text === null ? null : wordsOf(text);
  const occurs = (words) => present === null || words.every((word) => present.has(word));
  const unknown = new Set(entries.flatMap((entry) => entry.unknown.filter((word) => occurs([word]))));
  return { unknown: [...unknown], notes: entries.flatMap((entry) => entry.notes.filter(({ words }) => occurs(words))) };
}
