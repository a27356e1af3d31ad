"""Results of a run reach the workflow that queued it, whichever tab is open when they arrive."""

import itertools
import json

import pytest

from ...comfyui.browser import Editor
from ...comfyui.paths import WORKFLOWS
from ...comfyui.server import PACK_FOLDER
from ...comfyui.workflow import with_inputs
from ..renderers import MOSTLY_CLASSIC
from ..schedule import NODE, Curves

pytestmark = MOSTLY_CLASSIC

WORKFLOW = json.loads((WORKFLOWS / "text_to_video.json").read_text())
UNUSED_MOTION = itertools.count(300)  # the server answers at once for the inputs of an earlier run
RESULTS = """() => [".hc-measured", ".higen-preview video", ".hp-text"].filter(part => document.querySelector(part))"""
STEPS = """steps => { app.graph._nodes.find(n => n.comfyClass === "HiGenTemporalSampler")
    .widgets.find(w => w.name === "steps").value = steps; }"""
PREFIX = """prefix => { app.graph._nodes.find(n => n.comfyClass === "HiGenVideoCombine")
    .widgets.find(w => w.name === "filename_prefix").value = prefix; }"""
PROMPTS = f"/extensions/{PACK_FOLDER}/lib/results/prompts.js"
(LOADER,) = (node for node in WORKFLOW["nodes"] if node["type"] == "HiGenLoader")
SEND_DURING_NEXT_LOAD = """node => {
    let sent = false;
    app.registerExtension({
        name: `Test.${Math.random()}`,
        async afterConfigureGraph() {
            if (!sent) app.api.dispatchCustomEvent("executed", { node, output: { text: ["late"] }, prompt_id: "" });
            sent = true;
            await new Promise(done => setTimeout(done, 100));
        },
    });
}"""
TAB = "() => app.extensionManager.workflow.activeWorkflow.filename"


@pytest.fixture
def curves(editor):
    """The curve editor of the bundled workflow, before a run."""
    editor.load(WORKFLOW)
    node = editor.page.evaluate("type => app.graph._nodes.find(n => n.comfyClass === type).id", NODE)
    curves = Curves(editor, node)
    curves.set_widget("motion", next(UNUSED_MOTION))
    editor.page.evaluate(STEPS, 3)
    return curves


def test_a_run_that_ends_while_another_tab_is_open(curves, editor, text_to_video):
    """The other workflow has nodes of the same types and ids. A long run before it in the queue keeps it waiting."""
    first = editor.page.evaluate(TAB)
    prompt, workflow = text_to_video
    editor.server.submit(with_inputs(prompt, "HiGenTemporalSampler", steps=500, seed=next(UNUSED_MOTION)), workflow)
    prompt_id = editor.queue()
    editor.load(WORKFLOW)
    second = editor.page.evaluate(TAB)
    assert second != first
    assert editor.server.get(f"/history/{prompt_id}").json() == {}
    editor.server.interrupt()
    assert editor.wait_for(prompt_id)["status"]["status_str"] == "success"
    editor.page.wait_for_timeout(1000)
    assert editor.page.evaluate(RESULTS) == []

    show(editor, first)
    curves.plot.locator(".hc-measured.hc-motion").wait_for(state="attached")
    editor.page.locator(".higen-preview video").wait_for(state="attached")
    results = editor.page.evaluate(RESULTS)

    show(editor, second)
    assert editor.page.evaluate(RESULTS) == []
    show(editor, first)
    assert editor.page.evaluate(RESULTS) == results


def test_a_result_that_arrives_while_another_workflow_is_loaded(editor):
    """The page replaces the graph before it opens the other workflow."""
    editor.load(WORKFLOW)
    first = editor.page.evaluate(TAB)
    editor.page.evaluate(SEND_DURING_NEXT_LOAD, str(LOADER["id"]))
    editor.load(WORKFLOW)
    second = editor.page.evaluate(TAB)
    assert second != first
    assert editor.page.evaluate(RESULTS) == []
    show(editor, first)
    assert editor.page.evaluate(RESULTS) == [".hp-text"]
    show(editor, second)
    assert editor.page.evaluate(RESULTS) == []


def test_a_prompt_that_has_ended_keeps_no_workflow(curves, editor):
    """Whichever way it ends: with success, cancelled, or with an error of a node."""
    assert editor.wait_for(editor.queue())["status"]["status_str"] == "success"
    assert kept_prompts(editor) == 0
    editor.page.evaluate(STEPS, 500)
    cancelled = editor.queue()
    assert kept_prompts(editor) == 1
    while not editor.server.get("/queue").json()["queue_running"]:
        editor.page.wait_for_timeout(50)
    editor.server.interrupt()
    editor.wait_for(cancelled)
    assert kept_prompts(editor) == 0
    editor.page.evaluate(STEPS, 3)
    editor.page.evaluate(PREFIX, "../outside")
    assert editor.wait_for(editor.queue())["status"]["status_str"] == "error"
    assert kept_prompts(editor) == 0


def kept_prompts(editor: Editor) -> int:
    editor.page.wait_for_timeout(500)
    return editor.page.evaluate("async module => (await import(module)).queued.count", PROMPTS)


def show(editor: Editor, name: str) -> None:
    """Open a workflow's tab, and wait for results to arrive."""
    editor.page.locator(".workflow-tab").get_by_text(name, exact=True).click()
    editor.page.wait_for_function(f"name => ({TAB})() === name", arg=name)
    editor.page.wait_for_timeout(1000)
