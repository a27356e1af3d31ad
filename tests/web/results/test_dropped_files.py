"""A video that is dropped on the canvas opens its own graph, and never shows the video of another run."""

import json

import pytest

from ...comfyui.paths import WORKFLOWS
from ..renderers import MOSTLY_CLASSIC
from .test_player import GRAPH, SHOWN

pytestmark = MOSTLY_CLASSIC

SET_COLOR = """color => { app.graph._nodes.find(node => node.type === "EmptyImage")
    .widgets.find(widget => widget.name === "color").value = color; }"""
COLOR = """() => app.graph._nodes.find(node => node.type === "EmptyImage")
    ?.widgets.find(widget => widget.name === "color").value"""


def run(editor, color: int):
    """Runs the graph with another color. Returns the file that the node shows then."""
    editor.page.evaluate(SET_COLOR, color)
    assert editor.run()["status"]["status_str"] == "success"
    editor.page.wait_for_function("() => document.querySelector('.hp-media')?.videoWidth === 96")
    editor.page.wait_for_timeout(500)
    return editor.server.output_path(editor.page.evaluate(SHOWN))


def drop(editor, file, color: int) -> None:
    editor.drop(file)
    editor.page.wait_for_function(f"color => ({COLOR})() === color", arg=color)
    editor.page.wait_for_timeout(1000)


def test_the_result_of_a_later_run_is_not_shown(editor):
    """Also not when the file is dropped again, while its tab, which shows a later run, is open."""
    editor.page.evaluate(GRAPH, "h264-mp4")
    first = run(editor, 101)
    second = run(editor, 202)
    assert first != second
    for color in (303, 404):
        drop(editor, first, 101)
        assert editor.page.locator(".hp-media").count() == 0
        assert run(editor, color) not in (first, second)


SHOWS_RESULTS = {"HiGenVideoCombine": "higen_shown", "HiGenLoader": "higen_shown", "HiGenCueSchedule": "higen_curves"}
OF_EARLIER_VERSIONS = [
    [{"filename": "{file}", "subfolder": "HiGen", "type": "output", "format": "video/mp4", "fps": 8, "frames": 12}],
    [{}],
    "text",
    {"measured": {"motion": [1, 2, 3]}},
    {"measured": "text", "extracted": [None]},
]


@pytest.mark.parametrize("saved", OF_EARLIER_VERSIONS, ids=["file", "empty", "text", "curves", "broken curves"])
def test_results_that_a_workflow_brings_are_not_shown(editor, saved):
    """Such as the name of a file that belongs to the user, or something that no version has saved."""
    editor.page.evaluate(GRAPH, "h264-mp4")
    if isinstance(saved, list) and saved[0]:
        file = run(editor, 505)
        saved = json.loads(json.dumps(saved).replace("{file}", file.name))
    workflow = json.loads((WORKFLOWS / "text_to_video.json").read_text())
    for node in workflow["nodes"]:
        if node["type"] in SHOWS_RESULTS:
            node["properties"][SHOWS_RESULTS[node["type"]]] = saved
    editor.load(workflow)
    editor.page.wait_for_timeout(1000)
    assert editor.page.locator(".hp-media, .hp-text, .hc-measured, .hc-extracted").count() == 0
    saved_again = json.dumps(editor.workflow())
    assert [name for name in SHOWS_RESULTS.values() if name in saved_again] == []
