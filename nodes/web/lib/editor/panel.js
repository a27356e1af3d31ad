/** What surrounds the plot: a toolbar above, a message for an invalid value, the values at the cursor below. */

import { evaluator } from "../curve/curve.js";
import { translate } from "../language/translate.js";
import { html } from "../page/elements.js";
import { openCurveMenu, SHAPE_LABELS } from "./menu.js";
import { lengthText, percentText, positionText, TRACKS, valueText } from "./tracks.js";

const HOW_TO = "Click adds a point, drag moves it, double-click or Delete removes it.";
const HELP = [
  "Motion and appearance over the clip.",
  HOW_TO,
  "Shift locks the direction of a drag, Alt turns off snapping to frames.",
  "Keys: arrows move the selected point, Page Up and Page Down select, Enter adds, Space switches curves, Ctrl+Z undoes.",
];

export function makePanel(editor) {
  const plot = editor.drawing.element;
  const toolbar = makeToolbar(editor);
  const hint = makeHint();
  const problem = html("div", "hc-problem", { role: "alert" });
  const readout = makeReadout();
  const legend = html("span", "hc-legend");
  const speech = html("div", "hc-spoken", { role: "status", "aria-live": "polite" });

  describe(editor.drawing);
  const box = html("div", "hc-area-box", {}, plot);
  const foot = html("div", "hc-foot", {}, readout.element, legend);
  const element = html("div", "higen-curves widget-expands");
  element.append(toolbar.element, hint.element, problem, box, foot, speech);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Delete" || event.key === "Backspace") event.stopPropagation(); // would delete the node
  });

  return {
    element,
    update() {
      toolbar.update();
      showProblems(problem, editor);
    },
    /** Say why numbers of the node have no effect; "" if all have. */
    sayIdle: hint.sayIdle,
    readout(x, curves) {
      readout.show(x, curves, editor.clip);
    },
    /** `kinds` of the lines on the plot, and whether each is outdated. */
    legend(kinds) {
      legend.replaceChildren(...[...kinds].map(makeKey));
    },
    speak(text) {
      speech.textContent = text;
    },
  };
}

function makeKey([kind, outdated]) {
  const element = html("span", `hc-key hc-key-${kind}`, {}, translate(outdated ? "before change" : kind));
  element.classList.toggle("hc-key-outdated", outdated);
  if (outdated) element.title = translate("Of the last run, in which the curves were others");
  else if (kind === "measured") element.title = translate("Measured in the video of the last run");
  return element;
}

function makeToolbar(editor) {
  const tracks = Object.values(TRACKS).map(({ name, label }) => {
    const title = translate("Draw the {cue} curve", { cue: translate(name) });
    const toggle = button(translate(label), title, () => editor.select(name, -1));
    toggle.classList.add(`hc-${name}`);
    return toggle;
  });
  const shape = button("", translate("Shape between points, presets"), () => {
    const { left, bottom } = shape.getBoundingClientRect();
    openCurveMenu(editor, left, bottom + 2);
  });
  shape.setAttribute("aria-haspopup", "menu");
  const undo = button("↶", translate("Undo (Ctrl+Z)"), () => editor.undo());
  const redo = button("↷", translate("Redo (Ctrl+Shift+Z)"), () => editor.redo());

  const element = html("div", "hc-bar", { role: "toolbar", "aria-label": translate("Cue curves") });
  element.append(...tracks, html("span", "hc-gap"), shape, undo, redo);
  element.addEventListener("click", ({ detail, target }) => {
    const byMouse = detail > 0;
    if (byMouse && target !== shape) editor.drawing.element.focus({ preventScroll: true });
  });
  return {
    element,
    update() {
      tracks.forEach((toggle, i) => {
        toggle.setAttribute("aria-pressed", Object.keys(TRACKS)[i] === editor.active);
      });
      const curve = editor.curves[editor.active];
      shape.textContent = `${translate(curve ? SHAPE_LABELS[curve.interpolation] : "Constant")} ▾`;
      undo.disabled = !editor.history.canUndo;
      redo.disabled = !editor.history.canRedo;
    },
  };
}

/** One line above the plot, so that it never moves: how to draw, or while nobody does, which numbers have no effect. */
function makeHint() {
  const how = html("div", "hc-how", { title: translate(HOW_TO) }, translate(HOW_TO));
  const idle = html("div", "hc-idle", { role: "note", hidden: "" });
  return {
    element: html("div", "hc-hint", {}, how, idle),
    sayIdle(text) {
      idle.textContent = idle.title = text;
      idle.hidden = text === "";
    },
  };
}

function describe({ element, id }) {
  const attributes = { tabindex: 0, role: "application", "aria-roledescription": translate("curve editor") };
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.setAttribute("aria-label", HELP.map((sentence) => translate(sentence)).join(" "));
  element.id = id;
}

function showProblems(problem, editor) {
  const state = JSON.stringify(editor.problems);
  if (problem.dataset.state === state) return; // a button must not be replaced between press and release
  problem.dataset.state = state;
  const invalid = Object.keys(TRACKS).filter((name) => editor.problems[name]);
  problem.hidden = invalid.length === 0;
  problem.replaceChildren(
    ...invalid.flatMap((name) => [
      translate("The {cue} curve of this workflow cannot be read ({reason}). Draw a new one, or", {
        cue: translate(name),
        reason: editor.problems[name],
      }),
      button(translate("use the constant"), translate("Delete the unreadable value"), () => editor.repair(name)),
      html("br"),
    ]),
  );
}

/** The lines below the plot. They follow every move of the pointer, so only their texts change, never their elements. */
function makeReadout() {
  const position = new Text();
  const values = Object.fromEntries(Object.keys(TRACKS).map((name) => [name, new Text()]));
  const cues = Object.entries(values).map(([name, value]) => html("b", `hc-${name}`, {}, value));
  return {
    element: html("span", "hc-readout", {}, html("span", "", {}, position), html("span", "hc-cues", {}, ...cues)),
    show(x, curves, clip) {
      position.data = x === null ? lengthText(clip) : positionText(x, clip);
      for (const [name, value] of Object.entries(values)) {
        value.data = x === null ? "" : cueText(name, evaluator(curves[name])(x), clip.motionScale);
      }
    },
  };
}

/** "Motion 520 = 5.2 %/frame" */
function cueText(name, y, motionScale) {
  const value = `${translate(TRACKS[name].label)} ${valueText(name, y)}`;
  const percent = name === "motion" ? percentText(y, motionScale) : "";
  return percent ? `${value} = ${translate("{percent}/frame", { percent })}` : value;
}

function button(label, title, run) {
  const element = html("button", "", { type: "button", title, "aria-label": title }, label);
  element.addEventListener("click", run);
  element.addEventListener("pointerdown", (event) => event.stopPropagation());
  return element;
}
