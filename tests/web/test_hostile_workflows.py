"""A workflow can hold anything that JSON can in the fields of our nodes. The page shows it without an error."""

import json

import pytest

from ..comfyui.paths import WORKFLOWS
from .renderers import MOSTLY_NODES_2
from .schedule import NODE

pytestmark = MOSTLY_NODES_2

HOSTILE = [1e9, -1e9, 1e308, "1e9", "", "text", None, True, [], [[1]], {"a": 1}]
CURVES = [
    "{}",
    "[" * 1000,
    json.dumps({"points": [[i / 3000, 0.5] for i in range(3000)]}),
    json.dumps({"points": [[0, 0.2], [5e-324, 1], [0.5, 0.9], [1, 0]]}),
    {"points": [[0, 1], [1, {"valueOf": 1, "toString": 1}]]},
    {"points": [[0, 1]], "interpolation": {"toString": 1}, "toJSON": 1},
]
FIELDS = 8
SIZES = """() => ({
    elements: document.querySelectorAll("svg.hc-plot *").length,
    paths: [...document.querySelectorAll("svg.hc-plot path")].map(path => path.getAttribute("d") ?? ""),
})"""


@pytest.fixture
def workflow() -> dict:
    return json.loads((WORKFLOWS / "text_to_video.json").read_text())


def show(editor, workflow: dict) -> None:
    editor.load(workflow)
    editor.page.wait_for_function("() => document.querySelectorAll('svg.hc-plot').length === 1")
    editor.page.wait_for_timeout(300)
    drawn = editor.page.evaluate(SIZES)
    assert drawn["elements"] < 3000
    assert all(len(path) < 400_000 and "NaN" not in path and "Infinity" not in path for path in drawn["paths"])


def schedule_of(workflow: dict) -> dict:
    (schedule,) = (node for node in workflow["nodes"] if node["type"] == NODE)
    return schedule


@pytest.mark.parametrize("value", HOSTILE, ids=str)
def test_every_field_of_the_schedule(editor, workflow, value):
    schedule = schedule_of(workflow)
    schedule["widgets_values"] = [value] * FIELDS
    show(editor, workflow)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: str(curve)[:30])
def test_every_curve(editor, workflow, curve):
    schedule = schedule_of(workflow)
    schedule["widgets_values"] = [16, 500, 0.5, curve, curve]
    show(editor, workflow)
