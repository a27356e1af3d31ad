"""The pack's blueprints in the node library of the editor."""

import re

import pytest

WIDGETS = {
    "prompt": "a panda moving to the right on a yellow background",
    "weights": "bundled: mini",
    "frames": 16,
    "motion": 300,
    "appearance": 0,
    "seed": 6,
}
BLUEPRINTS = {"HiGen Text to Video": [], "HiGen Image to Video": ["image"]}
OF_NODE = """() => {
    const [node] = app.graph._nodes;
    const names = slots => slots.filter(slot => !slot.widget).map(slot => slot.name);
    const widgets = node.widgets.map(widget => [widget.name, widget.value]);
    return { title: node.title, inputs: names(node.inputs), outputs: names(node.outputs), widgets };
}"""


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
    assert dict(node["widgets"]) == WIDGETS
