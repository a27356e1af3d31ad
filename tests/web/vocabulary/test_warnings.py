"""Warnings of a prompt are on the node that encodes it, and go with their words."""

import itertools

import pytest

NEW = itertools.count(1)  # the server answers from its cache, without a word, for a prompt of an earlier run
GRAPH = """texts => {
    const add = (type, x, y) => {
        const node = LiteGraph.createNode(type);
        node.pos = [x, y];
        app.graph.add(node);
        return node;
    };
    app.canvas.ds.offset = [0, 0];
    app.canvas.ds.scale = 1;
    const loader = add("HiGenLoader", 100, 100);
    texts.forEach((text, i) => {
        const encoder = add("CLIPTextEncode", 460, 100 + 260 * i);
        encoder.widgets[0].value = text;
        loader.connect(1, encoder, "clip");
        encoder.connect(0, add("PreviewAny", 900, 100 + 260 * i), "source");
    });
}"""
WRITE = """([index, text]) => {
    const widget = app.graph.nodes.filter(node => node.comfyClass === "CLIPTextEncode")[index].widgets[0];
    widget.value = text;
    widget.callback?.(text);
}"""
THROUGH_ANOTHER = """() => {
    const nodeOf = type => app.graph.nodes.find(node => node.comfyClass === type);
    const between = LiteGraph.createNode("CLIPSetLastLayer");
    app.graph.add(between);
    nodeOf("HiGenLoader").connect(1, between, "clip");
    between.connect(0, nodeOf("CLIPTextEncode"), "clip");
}"""
WARNING = ".hv-warning"


@pytest.fixture
def warned(editor):
    """Two prompts after a run: one with unknown words, one of known words that do not go together."""
    spaces = " " * next(NEW)
    editor.page.evaluate(GRAPH, [f"a red car and a dragon, красный кот{spaces}", f"a panda's{spaces}(red:1.2) star"])
    assert editor.run()["status"]["status_str"] == "success"
    editor.page.wait_for_function("() => document.querySelectorAll('.hv-warning').length === 2")
    return editor


def warnings(editor) -> list[str]:
    texts = editor.page.locator(WARNING).all_inner_texts()
    return sorted(line for text in texts for line in text.splitlines() if line)


def test_each_prompt_has_the_warnings_of_its_own_words(warned):
    unknown, several, combination = warnings(warned)
    assert unknown == "This model was not trained on: dragon, красный, кот"
    assert several == "“panda”, “star”: this model shows one thing at a time"
    assert combination.startswith("“red car”: this model knows “car” without a color word only")
    warned.screenshot("vocabulary-warnings")


def test_a_warning_goes_when_its_words_go(warned):
    """Without a run as they are edited, and after one."""
    page = warned.page
    page.evaluate(WRITE, [1, f"a panda{' ' * next(NEW)}"])
    page.evaluate(WRITE, [0, "a dragon"])
    page.wait_for_function("() => !document.body.innerText.includes('красный, кот')")
    assert warnings(warned) == ["This model was not trained on: dragon"]
    page.evaluate(WRITE, [0, f"a cat{' ' * next(NEW)}"])
    page.wait_for_timeout(300)
    assert warnings(warned) == []
    assert warned.run()["status"]["status_str"] == "success"
    page.wait_for_timeout(500)
    assert warnings(warned) == []


def test_warnings_come_as_a_prompt_is_written(editor):
    """The server encodes nothing for them, and a second tab has them too, where it would answer from its cache."""
    page = editor.page
    page.evaluate(GRAPH, ["a panda", "a panda"])
    page.evaluate(THROUGH_ANOTHER)
    page.evaluate(WRITE, [0, "a red car and a zebra"])
    page.wait_for_function("() => document.querySelector('.hv-warning')?.innerText.includes('zebra')")
    assert len(warnings(editor)) == 2
    page.evaluate(WRITE, [0, "a red car"])
    assert [line for line in warnings(editor) if "zebra" in line] == []  # before the server has answered again
    page.evaluate(WRITE, [0, "a {unicorn|panda}"])  # the page chooses one as it queues the prompt
    page.wait_for_timeout(1000)
    assert warnings(editor) == []


def test_warnings_are_no_edit_of_the_graph(warned):
    before = warned.workflow()
    assert "dragon, " not in str([node.get("properties") for node in before["nodes"]])
    assert {len(node["widgets_values"]) for node in before["nodes"] if node["type"] == "CLIPTextEncode"} == {1}
    warned.reload()
    warned.page.wait_for_function("() => document.querySelectorAll('.hv-warning').length === 2")
    assert len(warnings(warned)) == 3
