"""The curve editor works at any zoom and node size."""

import json

import pytest

from ...comfyui.paths import WORKFLOWS
from ..schedule import NODE, Curves

ZOOM = """([id, zoom]) => {
    const node = app.graph.getNodeById(id);
    app.canvas.ds.scale = zoom;
    app.canvas.ds.offset = [320 / zoom - node.pos[0], 150 / zoom - node.pos[1]];
    app.canvas.setDirty(true, true);
}"""
RESIZE = "([id, size]) => { app.graph.getNodeById(id).setSize(size); app.canvas.setDirty(true, true); }"


def check_use(curves: Curves) -> None:
    """Add a point with the mouse, undo it with a button, open and close the menu."""
    before = curves.points()
    curves.click(0.6, 0.8)
    assert curves.points() != before
    curves.button("Undo").click()
    assert curves.points() == before
    curves.button("Shape between points").click()
    assert curves.page.get_by_role("menu").is_visible()
    curves.page.keyboard.press("Escape")
    assert curves.page.get_by_role("menu").count() == 0


def test_it_works_in_the_whole_workflow_at_any_zoom(editor):
    editor.load(json.loads((WORKFLOWS / "text_to_video.json").read_text()))
    node = editor.page.evaluate("type => app.graph._nodes.find(n => n.comfyClass === type).id", NODE)
    curves = Curves(editor, node)
    editor.fit()
    check_use(curves)
    for zoom in (0.3, 0.5, 0.6, 1):
        editor.page.evaluate(ZOOM, [node, zoom])
        editor.page.wait_for_timeout(300)
        check_use(curves)


@pytest.mark.parametrize("size", [(300, 300), (420, 560), (800, 700)])
def test_it_fits_a_node_of_any_size(schedule, size):
    schedule.page.evaluate(RESIZE, [schedule.node, size])
    schedule.page.wait_for_timeout(400)
    inside, outside = schedule.panel.bounding_box(), schedule.editor.box(schedule.node)
    assert inside["width"] >= 180
    assert inside["height"] >= 280
    assert inside["x"] >= outside["x"]
    assert inside["x"] + inside["width"] <= outside["x"] + outside["width"]
    assert inside["y"] + inside["height"] <= outside["y"] + outside["height"] + 1
    for button in schedule.panel.get_by_role("button").all():
        box = button.bounding_box()
        assert box["x"] >= inside["x"]
        assert box["x"] + box["width"] <= inside["x"] + inside["width"]
    check_use(schedule)


def test_dragging_the_corner_of_the_node_resizes_the_plot(schedule):
    schedule.editor.drag_corner(schedule.node, 0, 60)  # a new node of Nodes 2.0 is saved as lower than its content
    before = schedule.plot.bounding_box()
    schedule.editor.drag_corner(schedule.node, 150, 60)
    after = schedule.plot.bounding_box()
    assert after["width"] == pytest.approx(before["width"] + 150, abs=6)
    assert after["height"] == pytest.approx(before["height"] + 60, abs=6)
    check_use(schedule)


def test_a_wider_node_has_a_wider_plot(schedule):
    before = schedule.plot.bounding_box()["width"]
    schedule.editor.drag_corner(schedule.node, 250, 60)
    assert schedule.plot.bounding_box()["width"] > before + 200
    schedule.click(0.6, 0.25)
    assert schedule.points()[1] == [0.6, pytest.approx(0.25, abs=0.02)]
