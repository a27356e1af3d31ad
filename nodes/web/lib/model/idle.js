/** Constants that have no effect, since a curve takes their place: they are dimmed, and the editor says why. */

import { TRACKS } from "../editor/tracks.js";
import { translate } from "../language/translate.js";
import { html } from "../page/elements.js";
import { notify } from "./defaults.js";

const REASONS = {
  drawn: "{cue}: the number above has no effect while its curve is drawn",
  connected: "{cue}: the number above has no effect while a curve is connected",
};

/** A function that dims the constants of a node, or not, as its editor and its links are now. */
export function idleConstants(node, editor) {
  const line = html("div", "hc-idle", { role: "note" });
  editor.element.querySelector(".hc-bar").after(line);
  return () => {
    const texts = Object.values(TRACKS).map((track) => [track.number, textOf(node, editor, track)]);
    if (texts.filter(([name, text]) => dim(node, name, text)).length) notify(); // the note lists those of the model
    const idle = texts.filter(([, text]) => text);
    editor.element.dataset.idle = idle.map(([name]) => name).join(" "); // note.css dims these in Nodes 2.0
    line.replaceChildren(...idle.map(([, text]) => html("div", "", {}, text)));
    line.hidden = idle.length === 0;
  };
}

/** Why the constant of a track has no effect; "" if it has. */
function textOf(node, editor, { name, label, input }) {
  const connected = node.inputs?.some((slot) => slot.name === `${input}_from` && slot.link != null);
  if (!connected && !editor.curves[name]) return "";
  return translate(REASONS[connected ? "connected" : "drawn"], { cue: translate(label) });
}

/** Disable a widget with a reason as its tooltip, or enable it without one. Returns whether it was otherwise before. */
function dim(node, name, reason) {
  const widget = node.widgets?.find((candidate) => candidate.name === name);
  if (!widget || Boolean(widget.disabled) === Boolean(reason)) return false;
  if (reason) widget.higenTooltip = widget.tooltip;
  widget.tooltip = reason || widget.higenTooltip;
  widget.disabled = Boolean(reason);
  return true;
}
