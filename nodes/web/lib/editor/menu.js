/** The menu of the active curve: interpolation, presets, tracing, deletion of a point. */

import { constant, INTERPOLATIONS, simplify } from "../curve/curve.js";
import { curvePath, polyline } from "../curve/geometry.js";
import { presets } from "../curve/presets.js";
import { translate } from "../language/translate.js";
import { svg } from "../page/elements.js";
import { openMenu } from "./popup.js";
import { TRACKS } from "./tracks.js";

export const SHAPE_LABELS = { monotone_cubic: "Smooth", linear: "Linear", step: "Step" };
const TRACE_LABELS = { measured: "Trace the measured curve", extracted: "Trace the extracted curve" };
const TRACE_TOLERANCE = 0.03;
const SEPARATOR = null;

/** Open the menu at x, y (client coordinates in pixels). */
export function openCurveMenu(editor, x, y) {
  const { active } = editor;
  const traces = traceItems(editor);
  const items = [
    ...shapeItems(editor),
    SEPARATOR,
    ...presetItems(editor),
    ...(traces.length ? [SEPARATOR, ...traces] : []),
    SEPARATOR,
    {
      label: translate("Delete point"),
      disabled: !editor.canRemove,
      run: () => editor.removeSelected(),
    },
  ];
  openMenu(items, {
    x,
    y,
    kind: `hc-${active}`,
    label: translate("{cue} curve", { cue: translate(TRACKS[active].label) }),
    closed: () => editor.drawing.element.focus({ preventScroll: true }),
  });
}

function shapeItems(editor) {
  const current = editor.shown(editor.active);
  return INTERPOLATIONS.map((interpolation) => ({
    label: translate(SHAPE_LABELS[interpolation]),
    checked: editor.curves[editor.active]?.interpolation === interpolation,
    run: () => editor.replace({ ...current, interpolation }),
  }));
}

function presetItems(editor) {
  const constantItem = {
    label: translate("Constant"),
    icon: thumbnail(constant(editor.host.level(editor.active))),
    checked: editor.curves[editor.active] === null,
    run: () => editor.replace(null),
  };
  const items = presets(editor.clip.frames).map(({ label, curve }) => ({
    label,
    icon: thumbnail(curve),
    run: () => editor.replace(curve),
  }));
  return [constantItem, ...items];
}

function traceItems(editor) {
  return editor.overlays
    .filter(({ name }) => name === editor.active)
    .map(({ kind, values }) => ({ label: translate(TRACE_LABELS[kind]), run: () => trace(editor, values) }));
}

/** Draw the active curve through measured or extracted values, with few points. */
function trace(editor, values) {
  const { top, offset } = TRACKS[editor.active];
  const points = polyline(values, top, offset, values.length + 2 * offset);
  editor.replace({ points: simplify(points, TRACE_TOLERANCE), interpolation: "linear" });
}

/** A small drawing of a curve, in front of a menu item. */
function thumbnail(curve) {
  const plot = { left: 2, right: 32, px: (x) => 2 + 30 * x, py: (y) => 16 - 14 * y };
  return svg("svg", { viewBox: "0 0 34 18", "aria-hidden": "true" }, svg("path", { d: curvePath(curve, plot) }));
}
