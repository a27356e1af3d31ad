/** Constants that have no effect, since a curve takes their place: they are dimmed, and the editor says why. */

import { TRACKS } from "../editor/tracks.js";
import { translate } from "../language/translate.js";
import { notify } from "./defaults.js";

const REASONS = {
  drawn: "{cues}: the drawn curve replaces the number above",
  connected: "{cues}: the connected curve replaces the number above",
};

/** A function that dims the constants of a node, or not, as its editor and its links are now. */
export function idleConstants(node, editor) {
  return () => {
    const idle = Object.values(TRACKS).map((track) => ({ ...track, reason: reasonOf(node, editor, track) }));
    const changed = idle.filter(({ number, label, reason }) => dim(node, number, textOf(reason, [label])));
    if (changed.length) notify(); // the note lists those of the model
    editor.element.dataset.idle = idle // note.css dims these in Nodes 2.0
      .filter(({ reason }) => reason)
      .map(({ number }) => number)
      .join(" ");
    const labels = (reason) => idle.filter((track) => track.reason === reason).map(({ label }) => label);
    const texts = Object.keys(REASONS).map((reason) => textOf(reason, labels(reason)));
    editor.panel.sayIdle(texts.filter(Boolean).join(translate("; ")));
  };
}

/** Why the constant of a track has no effect, a key of REASONS; "" if it has. */
function reasonOf(node, editor, { name, input }) {
  const connected = node.inputs?.some((slot) => slot.name === `${input}_from` && slot.link != null);
  return connected ? "connected" : editor.curves[name] ? "drawn" : "";
}

const textOf = (reason, labels) =>
  reason && labels.length
    ? translate(REASONS[reason], { cues: labels.map((label) => translate(label)).join(translate(", ")) })
    : "";

/** Disable a widget with a reason as its tooltip, or enable it without one. Returns whether it was otherwise before. */
function dim(node, name, reason) {
  const widget = node.widgets?.find((candidate) => candidate.name === name);
  if (!widget || Boolean(widget.disabled) === Boolean(reason)) return false;
  if (reason) widget.higenTooltip = widget.tooltip;
  widget.tooltip = reason || widget.higenTooltip;
  widget.disabled = Boolean(reason);
  return true;
}
