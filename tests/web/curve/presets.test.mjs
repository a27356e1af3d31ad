import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluator, format, parse } from "../../../nodes/web/lib/curve/curve.js";
import { presets } from "../../../nodes/web/lib/curve/presets.js";

for (const frames of [2, 3, 8, 16, 32, 1024]) {
  test(`every preset is a valid curve on the frame grid of ${frames} frames`, () => {
    for (const { id, curve } of presets(frames)) {
      assert.deepEqual(parse(format(curve)).points.length, curve.points.length, id);
      for (const [x] of curve.points) assert.ok(Math.abs(x * (frames - 1) - Math.round(x * (frames - 1))) < 1e-9, id);
    }
  });
}

test("presets have the shapes that their names say", () => {
  const at = Object.fromEntries(presets(32).map(({ id, curve }) => [id, evaluator(curve)]));
  assert.ok(at.ramp_up(0) < 0.2 && at.ramp_up(1) > 0.8);
  assert.ok(at.ramp_down(0) > 0.8 && at.ramp_down(1) < 0.2);
  assert.ok(at.pulse(0.5) > 0.8 && at.pulse(0) < 0.2 && at.pulse(1) < 0.2);
  assert.ok(at.ease_in_out(0.5) - at.ease_in_out(0.4) > at.ease_in_out(0.1) - at.ease_in_out(0));
  assert.ok(at.bounce(0.2) < at.bounce(0) && at.bounce(0.4) > at.bounce(0.2) && at.bounce(0.4) < at.bounce(0));
  assert.ok(at.freeze_then_go(0.3) === 0 && at.freeze_then_go(0.7) > 0.5);
});
