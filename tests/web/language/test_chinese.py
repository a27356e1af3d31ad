"""The page in Simplified Chinese: names of nodes and inputs, and the curve editor."""

import json

import pytest

from ...comfyui.paths import ROOT
from ..schedule import NODE, add_schedule

CHINESE = json.loads((ROOT / "locales" / "zh" / "nodeDefs.json").read_text())


@pytest.fixture(scope="module", autouse=True)
def chinese(page_of_session):
    """The page with the language setting Chinese."""
    switch(page_of_session, "zh")
    page_of_session.open()
    yield
    switch(page_of_session, "en")
    page_of_session.open()


def switch(editor, locale: str) -> None:
    editor.server.post("/settings", json={"Comfy.Locale": locale}).raise_for_status()


def labels(editor, node: int) -> tuple[str, dict[str, str], list[str]]:
    """A node's title, the labels of its inputs (sockets and widgets) by name, and those of its outputs, as shown."""
    title, inputs, outputs = editor.page.evaluate(
        """id => {
            const node = app.graph.getNodeById(id);
            const sockets = node.inputs.map(input => [input.name, input.localized_name]);
            const widgets = node.widgets.filter(widget => widget.label).map(widget => [widget.name, widget.label]);
            const inputs = Object.fromEntries([...sockets, ...widgets]);
            return [node.title, inputs, node.outputs.map(output => output.localized_name)];
        }""",
        node,
    )
    return title, inputs, outputs


def names(texts: dict, outputs: int) -> list[str]:
    return [texts["outputs"][str(i)]["name"] for i in range(outputs)]


def test_nodes_have_their_chinese_names(editor):
    curves = add_schedule(editor)
    texts = CHINESE[NODE]
    title, inputs, outputs = labels(editor, curves.node)
    assert title == texts["display_name"]
    assert inputs == {name: text["name"] for name, text in texts["inputs"].items()}
    assert outputs == names(texts, 4)


def test_the_editor_is_in_chinese(editor):
    curves = add_schedule(editor)
    curves.click(0.4, 0.8)
    assert "第 6 帧（0–15），0.75 秒" in curves.panel.locator(".hc-readout").inner_text()
    assert curves.plot.locator(".hc-frame").last.text_content() == "帧"
    curves.button("绘制外观曲线").click()
    curves.button("点间形状与预设").click()
    editor.page.get_by_role("menuitem", name="先静后动").click()
    assert json.loads(curves.widget("appearance_curve"))["interpolation"] == "step"
    assert "运动、外观：以所画曲线为准" in curves.panel.inner_text()
    editor.screenshot("cue-schedule-chinese")


def test_the_editor_follows_a_change_of_language(editor):
    curves = add_schedule(editor)
    editor.page.evaluate("() => app.extensionManager.workflow.activeWorkflow.changeTracker.checkState()")
    set_locale = "locale => app.extensionManager.setting.set('Comfy.Locale', locale)"
    editor.page.evaluate(set_locale, "en")
    curves.button("Draw the motion curve").wait_for()
    editor.page.evaluate(set_locale, "zh")
    curves.button("绘制运动曲线").wait_for()
