"""Number fields keep the decimals that users type, and show them."""

import pytest

ENTER = """([id, name, value]) => {
    const node = app.graph.getNodeById(id);
    node.widgets.find(widget => widget.name === name).setValue(value, {e: {}, node, canvas: app.canvas});
}"""


@pytest.mark.parametrize(
    ("node", "name", "value"),
    [
        ("HiGenVideoCombine", "fps", 23.976),
        ("HiGenVideoCombine", "fps", 29.97),
        ("HiGenCueExtractor", "images_fps", 23.976),
        ("HiGenTemporalSampler", "cfg", 7.25),
    ],
)
def test_decimals_are_kept(editor, node, name, value):
    """Entered as the canvas does at the end of its dialog."""
    number = editor.add(node)
    editor.page.evaluate(ENTER, [number, name, value])
    assert editor.prompt()[str(number)]["inputs"][name] == value
    if editor.renderer == "vue":
        labelled = editor.page.locator(f"[data-node-id='{number}']").get_by_label(name, exact=True)
        field = labelled.locator("xpath=descendant-or-self::input")  # later frontends label an element around it
        assert float(field.input_value(timeout=10_000)) == value
