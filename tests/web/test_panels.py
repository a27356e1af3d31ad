"""The curve editor in the parts of the page that show widgets: on the node, beside the side panel, in the app mode."""

import json

import pytest

from ..comfyui.paths import WORKFLOWS
from ..comfyui.versions import ADVANCED_ARE_FOLDED, HAS_PANELS
from .schedule import NODE, Curves

VISIBLE = """id => {
    const node = app.graph.getNodeById(id);
    return node.widgets.filter(widget => node.isWidgetVisible(widget)).map(widget => widget.name);
}"""
SHOWN = ["frames", "motion", "appearance", "fps", "motion_strength", "appearance_strength"]
UNFOLDED = [name for name in SHOWN if not (ADVANCED_ARE_FOLDED and name == "fps")]
SELECT = "id => app.canvas.selectNode(app.graph.getNodeById(id))"
OPEN_PANEL = "open => app.extensionManager.setting.set('Comfy.RightSidePanel.IsOpen', open)"
CUT = """() => [...document.querySelectorAll(".lg-node-widget .truncate")]
    .filter(label => !label.closest("button, [role=radiogroup]") && label.scrollWidth > label.clientWidth + 1)
    .map(label => label.textContent)"""
TOGGLE_APP_MODE = "() => app.extensionManager.command.execute('Comfy.ToggleLinear')"


def test_the_texts_of_the_curves_are_hidden(schedule, editor):
    assert editor.page.evaluate(VISIBLE, schedule.node) == [*SHOWN, "higen_note", "curves"]
    if editor.renderer == "vue":
        node = editor.page.locator(f"[data-node-id='{schedule.node}']")
        text = node.inner_text()
        assert [name for name in UNFOLDED if name not in text] == []
        assert text.count("_curve") == 4  # two inputs and two outputs
        assert node.locator("[aria-label$=_curve]").count() == 0


@pytest.mark.parametrize("renderer", ["vue"], indirect=True, scope="module")
def test_the_labels_of_widgets_are_shown_whole(editor):
    for i, name in enumerate((NODE, "HiGenTemporalSampler", "HiGenVideoCombine", "HiGenSpatialPriorSampler")):
        editor.add(name, 100 + 440 * i)
    editor.page.locator(".lg-node-widget", has_text="save_output").wait_for()
    editor.page.wait_for_timeout(500)
    editor.screenshot("labels")
    assert editor.page.evaluate(CUT) == []


@HAS_PANELS
def test_the_side_panel_shows_the_other_widgets_only(schedule, editor):
    editor.page.evaluate(SELECT, schedule.node)
    editor.page.evaluate(OPEN_PANEL, True)
    panel = editor.page.get_by_test_id("properties-panel")
    panel.get_by_text("motion_strength").wait_for()
    editor.page.wait_for_timeout(500)
    editor.screenshot("side-panel")
    rows = panel.inner_text().split("INPUTS\n")[1].splitlines()
    assert rows == [*UNFOLDED, *(["ADVANCED INPUTS"] if ADVANCED_ARE_FOLDED else [])]
    schedule.click(0.4, 0.9)
    assert schedule.shown() == 3
    editor.page.evaluate(OPEN_PANEL, False)


@HAS_PANELS
def test_a_video_is_made_in_the_app_mode(editor):
    """The app shows the curve editor among its inputs, and the video that Video Combine saves."""
    workflow = json.loads((WORKFLOWS / "text_to_video.json").read_text())
    ids = {node["type"]: node["id"] for node in workflow["nodes"]}
    inputs = [[ids[NODE], "frames"], [ids[NODE], "curves"]]
    workflow["extra"] = {"linearData": {"inputs": inputs, "outputs": [ids["HiGenVideoCombine"]]}}
    editor.load(workflow)
    editor.page.evaluate(TOGGLE_APP_MODE)
    app = editor.page.get_by_test_id("linear-widgets")
    app.locator("svg.hc-plot").wait_for()
    curves = Curves(editor, ids[NODE])
    curves.click(0.4, 0.9)
    assert curves.shown() == 3
    with editor.page.expect_response(lambda r: r.url.endswith("/prompt") and r.request.method == "POST") as queued:
        editor.page.get_by_test_id("linear-run-button").get_by_role("button", name="Run", exact=True).click()
    record = editor.wait_for(editor.server.accepted(queued.value.json()))
    assert record["status"]["status_str"] == "success", record["status"]
    app.locator(".hc-measured.hc-motion").wait_for(state="attached")
    editor.page.wait_for_function("() => [...document.querySelectorAll('video')].some(v => v.videoWidth === 64)")
    editor.screenshot("app-mode")

    editor.page.evaluate(TOGGLE_APP_MODE)
    app.wait_for(state="detached")
    editor.page.wait_for_timeout(500)
    editor.fit()
    curves.click(0.8, 0.2)
    assert curves.shown() == 4
