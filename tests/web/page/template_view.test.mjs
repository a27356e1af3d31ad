import assert from "node:assert/strict";
import { test } from "node:test";

import { isUnfitted } from "../../../nodes/web/lib/page/template_view.js";

const view = { scale: 0.5, offset: [10, 20] };

test("a template with the view of its file is fitted, one that the page or the user has moved is not", () => {
  assert.ok(isUnfitted({ ...view, template: true }, view));
  assert.ok(!isUnfitted({ ...view, template: true }, { ...view, scale: 0.6 }));
  assert.ok(!isUnfitted({ ...view, template: true }, { ...view, offset: [10, 30] }));
});

test("a saved graph keeps the view of its file", () => {
  assert.ok(!isUnfitted(view, view));
  assert.ok(!isUnfitted(undefined, view));
});
