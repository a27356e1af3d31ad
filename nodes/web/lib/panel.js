/** What surrounds the plot: the toolbar above, a message when a value is unreadable, the read-out below. */

import { constant, evaluator, INTERPOLATIONS, simplify } from "./curve.js";
import { polyline } from "./geometry.js";
import { openMenu, thumbnail } from "./menu.js";
import { presets } from "./presets.js";
import { percentText, positionText, TRACKS, valueText } from "./tracks.js";
import { say } from "./words.js";

const SHAPE_LABELS = { monotone_cubic: "Smooth", linear: "Linear", step: "Step" };
const TRACE_LABELS = { measured: "Trace the measured curve", extracted: "Trace the extracted curve" };
const TRACE_TOLERANCE = 0.03;
const HELP = [
  "Motion and appearance over the clip.",
  "Click adds a point, drag moves it, double-click or Delete removes it.",
  "Shift keeps a direction, Alt leaves the frame grid.",
  "Keys: arrows move the selected point, Page Up and Page Down select, Enter adds, Space switches curves, Ctrl+Z undoes.",
];

export function makePanel(editor) {
  const bar = make("div", "hc-bar", { role: "toolbar", "aria-label": say("Cue curves") });
  const problem = make("div", "hc-problem", { role: "alert" });
  const box = make("div", "hc-area-box");
  const foot = make("div", "hc-foot");
  const words = makeReadout();
  const legend = make("span", "hc-legend");
  const speech = make("div", "hc-spoken", { role: "status", "aria-live": "polite" });
  const element = make("div", "higen-curves widget-expands");

  const tracks = Object.values(TRACKS).map(({ name, label }) => {
    const toggle = button(say(label), say("Draw the {cue} curve", { cue: say(name) }), () => editor.select(name, -1));
    toggle.classList.add(`hc-${name}`);
    return toggle;
  });
  const shape = button("", say("Shape between points, presets"), () => {
    const { left, bottom } = shape.getBoundingClientRect();
    openCurveMenu(editor, left, bottom + 2);
  });
  shape.setAttribute("aria-haspopup", "menu");
  const undo = button("↶", say("Undo (Ctrl+Z)"), () => editor.undo());
  const redo = button("↷", say("Redo (Ctrl+Shift+Z)"), () => editor.redo());

  describe(editor.picture);
  bar.append(...tracks, make("span", "hc-gap"), shape, undo, redo);
  box.append(editor.picture.element);
  foot.append(words.element, legend);
  element.append(bar, problem, box, foot, speech);
  bar.addEventListener("click", ({ detail, target }) => {
    if (detail > 0 && target !== shape) editor.picture.element.focus({ preventScroll: true });
  });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Delete" || event.key === "Backspace") event.stopPropagation(); // or the node goes
  });

  return {
    element,
    update() {
      tracks.forEach((toggle, i) => {
        toggle.setAttribute("aria-pressed", Object.keys(TRACKS)[i] === editor.active);
      });
      const curve = editor.curves[editor.active];
      shape.textContent = `${say(curve ? SHAPE_LABELS[curve.interpolation] : "Constant")} ▾`;
      undo.disabled = !editor.history.canUndo;
      redo.disabled = !editor.history.canRedo;
      showProblems(problem, editor);
    },
    readout(x, curves) {
      words.show(x, curves, editor.clip);
    },
    legend(kinds) {
      legend.replaceChildren(...[...kinds].map((kind) => make("span", `hc-key hc-key-${kind}`, {}, say(kind))));
    },
    speak(text) {
      speech.textContent = text;
    },
  };
}

/** Everything that can be done to the active curve, as a menu at a place on the screen. */
export function openCurveMenu(editor, x, y) {
  const { active, clip } = editor;
  const drawn = editor.curves[active];
  const current = editor.shown(active);
  const shapes = INTERPOLATIONS.map((interpolation) => ({
    label: say(SHAPE_LABELS[interpolation]),
    checked: drawn?.interpolation === interpolation,
    run: () => editor.replace({ ...current, interpolation }),
  }));
  const flat = constant(editor.host.level(active));
  const ready = presets(clip.frames).map(({ label, curve }) => ({
    label,
    icon: thumbnail(curve),
    run: () => editor.replace(curve),
  }));
  const traces = editor.overlays
    .filter(({ name }) => name === active)
    .map(({ kind, values }) => ({ label: say(TRACE_LABELS[kind]), run: () => trace(editor, values) }));
  const items = [
    ...shapes,
    null,
    { label: say("Constant"), icon: thumbnail(flat), checked: drawn === null, run: () => editor.replace(null) },
    ...ready,
    ...(traces.length ? [null, ...traces] : []),
    null,
    {
      label: say("Delete point"),
      disabled: editor.selected < 0 || current.points.length < 2,
      run: () => editor.removeSelected(),
    },
  ];
  openMenu(items, {
    x,
    y,
    kind: `hc-${active}`,
    label: say("{cue} curve", { cue: say(TRACKS[active].label) }),
    closed: () => editor.picture.element.focus({ preventScroll: true }),
  });
}

/** Draw the active curve through measured or extracted values, with as few points as follow them closely. */
function trace(editor, values) {
  const { top, offset } = TRACKS[editor.active];
  const points = polyline(values, top, offset, values.length + 2 * offset);
  editor.replace({ points: simplify(points, TRACE_TOLERANCE), interpolation: "linear" });
}

function describe({ element, id }) {
  const attributes = { tabindex: 0, role: "application", "aria-roledescription": say("curve editor") };
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.setAttribute("aria-label", HELP.map((sentence) => say(sentence)).join(" "));
  element.id = id;
}

function showProblems(problem, editor) {
  const state = JSON.stringify(editor.problems);
  if (problem.dataset.state === state) return; // its buttons must outlive a redraw between press and release
  problem.dataset.state = state;
  const broken = Object.keys(TRACKS).filter((name) => editor.problems[name]);
  problem.hidden = broken.length === 0;
  problem.replaceChildren(
    ...broken.flatMap((name) => [
      say("The {cue} curve of this workflow cannot be read ({reason}). Draw a new one, or", {
        cue: say(name),
        reason: editor.problems[name],
      }),
      button(say("use the constant"), say("Drop the unreadable value"), () => editor.repair(name)),
      make("br"),
    ]),
  );
}

/** The line below the plot. Only its texts change, never its elements: it follows every move of the pointer. */
function makeReadout() {
  const where = new Text();
  const values = Object.fromEntries(Object.keys(TRACKS).map((name) => [name, new Text()]));
  const cues = Object.entries(values).map(([name, value]) => make("b", `hc-${name}`, {}, value));
  return {
    element: make("span", "hc-words", {}, where, ...cues),
    show(x, curves, clip) {
      const seconds = (clip.frames / clip.fps).toFixed(1);
      where.data = x === null ? say("{frames} frames, {seconds} s", { ...clip, seconds }) : positionText(x, clip);
      for (const [name, value] of Object.entries(values)) {
        value.data = x === null ? "" : cueText(name, evaluator(curves[name])(x), clip.motionScale);
      }
    },
  };
}

/** "Motion 520 = 5.2 %/frame" */
function cueText(name, y, motionScale) {
  const value = `${say(TRACKS[name].label)} ${valueText(name, y)}`;
  const percent = name === "motion" ? percentText(y, motionScale) : "";
  return percent ? `${value} = ${say("{percent}/frame", { percent })}` : value;
}

function button(label, title, run) {
  const element = make("button", "", { type: "button", title, "aria-label": title }, label);
  element.addEventListener("click", run);
  element.addEventListener("pointerdown", (event) => event.stopPropagation());
  return element;
}

function make(tag, className = "", attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
