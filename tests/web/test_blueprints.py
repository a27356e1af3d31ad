"""The pack's blueprints in the node library of the editor."""

import json
import re

import pytest

from ..comfyui.paths import BLUEPRINTS as FOLDER
from .renderers import MOSTLY_NODES_2

WIDGETS = {
    "prompt": "a panda moving to the right on a yellow background",
    "weights": "bundled: mini",
    "frames": 0,
    "motion": -1,
    "appearance": -1,
    "seed": 6,
}
TEXTS = "higen_"  # widgets that show what there is to say of the values
BLUEPRINTS = {"HiGen Text to Video": [], "HiGen Image to Video": ["image"]}
OF_NODE = """() => {
    const [node] = app.graph._nodes;
    const names = slots => slots.filter(slot => !slot.widget).map(slot => slot.name);
    const widgets = node.widgets.map(widget => [widget.name, widget.value]);
    return { title: node.title, inputs: names(node.inputs), outputs: names(node.outputs), widgets };
}"""

PLAYING = """() => [...document.querySelectorAll(".hp-media")].some(
    video => video.videoWidth === 64 && video.getBoundingClientRect().width > 0)"""


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_a_blueprint_from_the_node_library_is_a_node_with_these_widgets(editor, name):
    page = editor.page
    page.keyboard.press("n")
    page.get_by_placeholder(re.compile("search", re.I)).first.fill(name)
    entry = page.locator(".p-tree-node-leaf, [role=treeitem]").filter(has_text=name).last
    entry.wait_for()
    editor.screenshot("library")
    entry.click()
    page.wait_for_timeout(300)
    if not page.evaluate("() => app.graph._nodes.length"):
        page.mouse.click(800, 300)  # later frontends let the node follow the pointer until a click
    page.wait_for_function("() => app.graph._nodes.length === 1")
    page.keyboard.press("n")
    editor.fit()
    editor.screenshot(f"blueprint-{name}")
    node = page.evaluate(OF_NODE)
    assert node["title"] == name
    assert (node["inputs"], node["outputs"]) == (BLUEPRINTS[name], ["video", "images"])
    assert {name: value for name, value in node["widgets"] if not name.startswith(TEXTS)} == WIDGETS
    defaults = "Model default: frames 0 → 16, motion -1 → 500, appearance -1 → 0"
    page.locator(".higen-note", has_text=defaults).wait_for()


@MOSTLY_NODES_2
def test_the_video_plays_on_the_node_and_again_after_a_reload(editor):
    editor.load(json.loads((FOLDER / "HiGen Text to Video.json").read_text()))
    editor.fit()
    record = editor.run()
    assert record["status"]["status_str"] == "success", record["status"]
    editor.page.wait_for_function(PLAYING)
    editor.fit()
    editor.screenshot("blueprint-finished")
    editor.reload()
    editor.page.wait_for_function("() => window.app?.vueAppReady && app.graph?._nodes.length")
    editor.page.wait_for_function(PLAYING)
    assert {name: value for name, value in editor.page.evaluate(OF_NODE)["widgets"] if name in WIDGETS} == WIDGETS
