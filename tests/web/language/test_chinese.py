"""The page in Simplified Chinese: names of nodes and inputs, and the curve editor."""

import json

import pytest

from ...comfyui.paths import ROOT
from ..schedule import EMPTY, NODE, add_schedule

CHINESE = json.loads((ROOT / "locales" / "zh" / "nodeDefs.json").read_text())


@pytest.fixture
def chinese(editor):
    """The page with the language setting Chinese."""
    switch(editor, "zh")
    editor.open()
    editor.load(EMPTY)
    yield editor
    switch(editor, "en")
    editor.open()


def switch(editor, locale: str) -> None:
    editor.server.post("/settings", json={"Comfy.Locale": locale}).raise_for_status()


def labels(editor, node: int) -> tuple[str, list[str], list[str]]:
    """A node's title and the labels of its widgets and outputs, as shown on the page."""
    title, widgets, outputs = editor.page.evaluate(
        """id => {
            const node = app.graph.getNodeById(id);
            const widgets = node.widgets.filter(widget => widget.label).map(widget => widget.label);
            return [node.title, widgets, node.outputs.map(output => output.localized_name)];
        }""",
        node,
    )
    return title, widgets, outputs


def names(texts: dict, outputs: int) -> list[str]:
    return [texts["outputs"][str(i)]["name"] for i in range(outputs)]


def test_nodes_have_their_chinese_names(chinese):
    curves = add_schedule(chinese)
    texts = CHINESE[NODE]
    title, widgets, outputs = labels(chinese, curves.node)
    assert title == texts["display_name"]
    with_widget = [name for name in texts["inputs"] if not name.endswith("_from")]
    assert widgets == [texts["inputs"][name]["name"] for name in with_widget]
    assert outputs == names(texts, 4)


def test_the_editor_is_in_chinese(chinese):
    curves = add_schedule(chinese)
    curves.click(0.4, 0.8)
    assert "第 6 帧（0.75 秒）" in curves.panel.locator(".hc-readout").inner_text()
    assert curves.plot.locator(".hc-frame").last.text_content() == "帧"
    curves.button("绘制外观曲线").click()
    curves.button("点间形状与预设").click()
    chinese.page.get_by_role("menuitem", name="先静后动").click()
    assert json.loads(curves.widget("appearance_curve"))["interpolation"] == "step"
    chinese.screenshot("cue-schedule-chinese")


def test_the_editor_follows_a_change_of_language(editor):
    curves = add_schedule(editor)
    editor.page.evaluate("() => app.extensionManager.workflow.activeWorkflow.changeTracker.checkState()")
    set_locale = "locale => app.extensionManager.setting.set('Comfy.Locale', locale)"
    editor.page.evaluate(set_locale, "zh")
    curves.button("绘制运动曲线").wait_for()
    editor.page.evaluate(set_locale, "en")
    curves.button("Draw the motion curve").wait_for()
