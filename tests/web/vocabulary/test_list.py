"""HiGen Loader lists the words of the selected weights before any run; its examples fill in the prompt."""

import json

import pytest

from ...comfyui.paths import WORKFLOWS
from ...comfyui.server import PACK_FOLDER
from ...comfyui.versions import OLD_FRONTEND
from ..renderers import MOSTLY_NODES_2

WORKFLOW = json.loads((WORKFLOWS / "text_to_video.json").read_text())
SET = """([type, name, value]) => {
    const widget = app.graph.nodes.find(node => node.comfyClass === type).widgets.find(w => w.name === name);
    widget.value = value;
    widget.callback?.(value);
}"""
PROMPTS = """() => app.graph.nodes.filter(node => node.comfyClass === "CLIPTextEncode")
    .map(node => node.widgets.find(widget => widget.name === "text").value)"""
SELECT = "index => app.canvas.selectItems([app.graph.nodes.filter(n => n.comfyClass === 'CLIPTextEncode')[index]])"
OVERFLOW = """() => {
    const list = document.querySelector(".higen-vocabulary");
    const node = list.closest("[data-node-id]")?.getBoundingClientRect().bottom;
    const own = app.graph.nodes.find(n => n.comfyClass === "HiGenLoader");
    const bottom = node ?? app.canvasPosToClientPos([0, own.pos[1] + own.size[1]])[1];
    return list.getBoundingClientRect().bottom - bottom;
}"""
ADDED_AFTER = """async module => {
    const { addFitted } = await import(module);
    const node = LiteGraph.createNode("Note");
    node.widgets = [];
    node.addDOMWidget("higen_shown", "text", document.createElement("div"));
    addFitted(node, "list", document.createElement("div"), () => 0);
    return node.widgets.map(widget => widget.name);
}"""
ENLARGE = "() => { app.graph.nodes[0].setSize([360, 560]); app.canvas.setDirty(true, true); }"
WHOLE = """selector => {
    const { scrollHeight, clientHeight } = document.querySelector(selector);
    return scrollHeight <= clientHeight;
}"""
AT_ITS_END = """() => {
    const { scrollTop, scrollHeight, clientHeight } = document.querySelector(".hv-panel");
    return scrollHeight - clientHeight - scrollTop < 1;
}"""
ZOOMED_OUT = "scale => app.canvas.ds.scale < scale"
PANEL = ".hv-panel"
EXAMPLE = "a rocket on a blue background moving up faster and faster"


@pytest.fixture
def words(editor):
    """The list on a new loader in an empty graph, at its default size."""
    editor.add("HiGenLoader", 320, 120)
    words = editor.page.locator(".higen-vocabulary")
    words.get_by_role("tab", name="examples").wait_for()
    return words


def test_the_words_are_listed_in_groups_before_a_run(editor, words):
    page = editor.page
    editor.screenshot("vocabulary-examples")
    assert words.get_by_role("tab").all_inner_texts() == ["examples", "things", "colors", "movements", "changes"]
    assert len({tab.bounding_box()["y"] for tab in words.get_by_role("tab").all()}) == 1  # in one row
    for group, text in [
        ("things", "cat, panda, frog"),
        ("colors", "of the background: white, gray"),
        ("movements", "bouncing off the walls"),
        ("changes", "turning into a frog"),
    ]:
        words.get_by_role("tab", name=group).click()
        assert text in words.get_by_role("tabpanel").inner_text()
    page.wait_for_timeout(500)
    assert page.evaluate(OVERFLOW) <= 1
    assert words.bounding_box()["height"] < 200
    editor.screenshot("vocabulary")


def test_the_list_scrolls_by_itself(editor, words):
    words.get_by_role("tab", name="examples").click()
    panel = words.get_by_role("tabpanel")
    panel.hover()
    panel.focus()
    scale = editor.page.evaluate("() => app.canvas.ds.scale")
    editor.page.mouse.wheel(0, 60)
    editor.page.wait_for_function("() => document.querySelector('.hv-panel').scrollTop > 0")
    assert editor.page.evaluate("() => app.canvas.ds.scale") == scale
    editor.page.mouse.wheel(0, 1000)
    editor.page.wait_for_function(AT_ITS_END)
    assert editor.page.evaluate("() => app.canvas.ds.scale") == scale
    editor.page.mouse.wheel(0, 60)
    editor.page.wait_for_function(ZOOMED_OUT, arg=scale)


def test_a_loader_with_room_shows_all_examples(editor, words):
    if editor.renderer == "vue" and OLD_FRONTEND:
        pytest.skip("this frontend draws Vue nodes as high as their content")
    editor.page.wait_for_function(f"selector => !({WHOLE})(selector)", arg=PANEL)
    editor.page.evaluate(ENLARGE)
    editor.page.wait_for_function(WHOLE, arg=PANEL)
    assert editor.page.evaluate(OVERFLOW) <= 1


def test_the_first_template_shows_all_examples_and_the_wheel_over_them_zooms(editor):
    editor.load(WORKFLOW)
    editor.page.get_by_role("tab", name="examples").wait_for()
    editor.page.wait_for_function(WHOLE, arg=PANEL)
    panel = editor.page.get_by_role("tabpanel")
    panel.hover()
    panel.focus()
    scale = editor.page.evaluate("() => app.canvas.ds.scale")
    editor.page.mouse.wheel(0, 60)
    editor.page.wait_for_function(ZOOMED_OUT, arg=scale)


def test_the_list_is_above_the_text_of_a_run_whichever_is_added_first(editor):
    names = editor.page.evaluate(ADDED_AFTER, f"/extensions/{PACK_FOLDER}/lib/page/fitted_widget.js")
    assert names == ["list", "higen_shown"]


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ("no such file", "The words of these weights cannot be listed: 'no such file' is in none of the model folders"),
        ("../../higen_core/mini/denoiser.safetensors", "is in none of the model folders"),
        ("/".join(["a_folder"] * 20), "is in none of the model folders"),
    ],
    ids=["a name", "a path", "a long path"],
)
def test_a_file_that_is_not_in_the_model_folders_is_told_whole(editor, words, weights, text):
    editor.page.evaluate(SET, ["HiGenLoader", "weights", weights])
    words.get_by_text(text).wait_for()
    editor.page.wait_for_function(WHOLE, arg=".hv-line")
    editor.page.wait_for_timeout(600)  # Nodes 2.0 measures the node later
    assert editor.page.evaluate(OVERFLOW) <= 1
    editor.screenshot("missing-weights")
    editor.page.evaluate(SET, ["HiGenLoader", "weights", "bundled: mini"])
    words.get_by_role("tab", name="examples").wait_for()
    editor.errors.clear()  # the browser logs the server's answer 404


def test_an_example_fills_in_the_positive_prompt_or_the_selected_one(editor):
    editor.load(WORKFLOW)
    before = editor.page.evaluate(PROMPTS)
    example = editor.page.get_by_role("button", name=EXAMPLE)
    example.click()
    editor.page.wait_for_function("() => document.querySelector('.hv-example[data-done=\"filled in\"]')")
    assert editor.page.evaluate(PROMPTS) == [EXAMPLE, before[1]]
    editor.page.evaluate(SELECT, 1)
    editor.page.get_by_role("button", name="a red star in front of").click()
    editor.page.wait_for_function(f"() => ({PROMPTS})()[1].startsWith('a red star')")
    assert editor.page.evaluate(PROMPTS)[0] == EXAMPLE
    editor.screenshot("vocabulary-example")


def test_an_example_is_copied_where_no_prompt_is(editor, words):
    editor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    words.get_by_role("button", name=EXAMPLE).click()
    editor.page.wait_for_function("() => document.querySelector('.hv-example[data-done=\"copied\"]')")
    assert editor.page.evaluate("() => navigator.clipboard.readText()") == EXAMPLE


@MOSTLY_NODES_2
def test_the_words_are_there_in_another_tab_and_after_a_reload(editor):
    editor.load(WORKFLOW)
    editor.load(WORKFLOW)
    editor.page.get_by_role("tab", name="things").click()
    assert "cat, panda" in editor.page.get_by_role("tabpanel").inner_text()
    editor.reload()
    editor.page.get_by_role("tab", name="things").click()
    assert "cat, panda" in editor.page.get_by_role("tabpanel").inner_text()
