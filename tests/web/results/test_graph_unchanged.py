"""A run changes nothing of the graph: undo and "Run (On Change)" count the same as in a workflow of stock nodes."""

import itertools
import json

import pytest

from ...comfyui.browser import EMPTY
from ...comfyui.paths import WORKFLOWS
from ..renderers import MOSTLY_NODES_2

OURS = json.loads((WORKFLOWS / "text_to_video.json").read_text())
FEW_STEPS = """() => {
    for (const { widgets } of app.graph._nodes)
        for (const widget of widgets ?? []) if (widget.name === "steps") widget.value = 2;
    app.canvas.emitBeforeChange();
    app.canvas.emitAfterChange();
}"""
STOCK = """() => {
    const [images, preview] = ["EmptyImage", "PreviewImage"].map((type, i) => {
        const node = LiteGraph.createNode(type);
        node.pos = [100 + 380 * i, 120];
        app.graph.add(node);
        return node;
    });
    images.connect(0, preview, "images");
    app.canvas.emitBeforeChange();
    app.canvas.emitAfterChange();
}"""
EDIT = """([type, name, value]) => {
    app.canvas.emitBeforeChange();
    app.graph._nodes.find(node => node.type === type).widgets.find(widget => widget.name === name).value = value;
    app.canvas.emitAfterChange();
}"""
CHECK = "() => { app.canvas.emitBeforeChange(); app.canvas.emitAfterChange(); }"  # as after each click of the mouse
UNDO_STEPS = "() => app.extensionManager.workflow.activeWorkflow.changeTracker.undoQueue.length"
UNDO = "() => app.extensionManager.command.execute('Comfy.Undo')"
RUN_MODE = """mode => {
    const { $pinia } = document.querySelector("#vue-app").__vue_app__.config.globalProperties;
    $pinia._s.get("queueSettingsStore").mode = mode;
}"""
VALUES = itertools.count(400)  # a value that no earlier run had, so that nothing is cached
HOLD_BACK_PREVIEWS = """() => {
    app.api.dispatchCustomEvent = function (type, ...details) {
        const { dispatchCustomEvent } = Object.getPrototypeOf(this);
        return type.startsWith("b_preview") || dispatchCustomEvent.call(this, type, ...details);
    };
}"""


@pytest.fixture(autouse=True)
def no_live_previews(editor):
    """Holds back the images of sampling steps: in Nodes 2.0 the stock page removes the one of the run before.

    The node of the sampler shrinks and grows again, and on a busy machine each of these is a step of undo, with stock
    nodes too.
    """
    editor.page.evaluate(HOLD_BACK_PREVIEWS)
    yield
    editor.page.evaluate("() => { delete app.api.dispatchCustomEvent; }")


def edit(editor, graph: str) -> None:
    ours = ("HiGenCueSchedule", "motion", next(VALUES))
    editor.page.evaluate(EDIT, ours if graph == "ours" else ("EmptyImage", "color", next(VALUES)))


def load(editor, graph: str) -> None:
    editor.load(OURS if graph == "ours" else EMPTY)
    editor.page.evaluate(FEW_STEPS if graph == "ours" else STOCK)
    settle(editor)


def settle(editor) -> None:
    """Waits until the page has laid out all nodes, and lets it note a change as it does after a click."""
    earlier = None
    while (now := editor.workflow()) != earlier:
        earlier = now
        editor.page.wait_for_timeout(1000)
    editor.page.evaluate(CHECK)


def steps_of(editor, graph: str) -> list[int]:
    """How many steps of undo an edit and its run add: the first time the node of the result grows, then it does not."""
    load(editor, graph)
    counts = [editor.page.evaluate(UNDO_STEPS)]
    for _ in range(3):
        edit(editor, graph)
        assert editor.run()["status"]["status_str"] == "success"
        settle(editor)
        counts.append(editor.page.evaluate(UNDO_STEPS))
    return [after - before for before, after in itertools.pairwise(counts)]


def prompts_of(editor, graph: str) -> list[int]:
    """How many prompts an edit queues in "Run (On Change)", until two seconds pass without another one."""
    load(editor, graph)
    prompts, counts, settled = [], [0], 0

    def queues(request):
        return request.url.endswith("/prompt") and request.method == "POST"

    def note(request):
        if queues(request):
            prompts.append(request)

    editor.page.on("request", note)
    editor.page.evaluate(RUN_MODE, "change")
    try:
        for _ in range(2):
            with editor.page.expect_request(queues):
                edit(editor, graph)
            editor.page.wait_for_timeout(500)
            while settled < len(prompts):
                settled = len(prompts)
                editor.wait_for(prompts[-1].response().json()["prompt_id"])
                settle(editor)
                editor.page.wait_for_timeout(1000)
            counts.append(len(prompts))
    finally:
        editor.page.evaluate(RUN_MODE, "disabled")
        editor.page.remove_listener("request", note)
    return [after - before for before, after in itertools.pairwise(counts)]


@pytest.mark.slow
@pytest.mark.parametrize("count", [steps_of, prompts_of])
def test_counts_are_no_more_than_those_of_a_stock_workflow(editor, count):
    """A stock node that grows with its first image adds one."""
    ours, stock = count(editor, "ours"), count(editor, "stock")
    assert all(own <= other for own, other in zip(ours, stock, strict=True)), (ours, stock)
    assert ours[-1] == stock[-1] == 1


def test_undo_after_a_run_keeps_what_the_run_showed(editor):
    load(editor, "ours")
    edit(editor, "ours")
    assert editor.run()["status"]["status_str"] == "success"
    video = editor.page.locator(".higen-preview video")
    video.wait_for(state="attached")
    source = video.get_attribute("src")
    edit(editor, "ours")
    editor.page.evaluate(UNDO)
    editor.page.wait_for_timeout(1000)
    assert video.get_attribute("src") == source
    assert editor.page.locator(".hc-measured.hc-motion").count() == 1


SHRINK_TO_FIT = """() => {
    const node = app.graph._nodes.find(node => node.type === "HiGenTemporalSampler");
    node.setSize([node.size[0], node.computeSize()[1]]);
    app.canvas.emitBeforeChange();
    app.canvas.emitAfterChange();
}"""
MUTE_SCHEDULE = """() => {
    app.canvas.emitBeforeChange();
    app.graph._nodes.find(node => node.type === "HiGenCueSchedule").mode = 2;
    app.canvas.emitAfterChange();
}"""
NOTES = "() => [...document.querySelectorAll('.higen-note')].map(note => note.textContent).join()"


@MOSTLY_NODES_2
def test_a_note_that_makes_its_node_grow_is_no_edit(editor):
    load(editor, "ours")
    editor.page.evaluate(SHRINK_TO_FIT)
    edit(editor, "ours")
    assert editor.run()["status"]["status_str"] == "success"
    settle(editor)
    before, said = editor.page.evaluate(UNDO_STEPS), editor.page.evaluate(NOTES)
    editor.page.evaluate(MUTE_SCHEDULE)
    assert editor.run()["status"]["status_str"] == "success"
    settle(editor)
    assert editor.page.evaluate(NOTES) != said
    assert editor.page.evaluate(UNDO_STEPS) - before == 1
