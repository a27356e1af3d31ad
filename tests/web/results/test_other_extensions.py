"""Results reach the nodes on a page where another extension has replaced a function of ComfyUI's `api`."""

import json

import pytest

from ...comfyui.paths import WORKFLOWS
from ..schedule import NODE, Curves

PATH = "/extensions/earlier/earlier.js"
QUEUE = {
    "a promise of nothing": "async (...args) => { await original(...args); }",
    "nothing": "(...args) => { original(...args); }",
}


@pytest.fixture(params=QUEUE.values(), ids=QUEUE)
def extended(editor, request):
    """The page with an extension that replaces the function before this pack's extensions are set up."""
    source = f"""
        import {{ api }} from "/scripts/api.js";
        const original = api.queuePrompt.bind(api);
        api.queuePrompt = {request.param};
    """
    page = editor.page

    def add(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=[PATH, *answer.json()])

    page.route("**/api/extensions", add)
    page.route(f"**{PATH}", lambda route: route.fulfill(body=source, content_type="text/javascript"))
    editor.open()
    yield editor
    page.unroute_all()
    editor.open()


def test_an_earlier_extension_answers_nothing_when_a_prompt_is_queued(extended):
    extended.load(json.loads((WORKFLOWS / "text_to_video.json").read_text()))
    node = extended.page.evaluate("type => app.graph._nodes.find(n => n.comfyClass === type).id", NODE)
    assert extended.run()["status"]["status_str"] == "success"
    Curves(extended, node).plot.locator(".hc-measured.hc-motion").wait_for(state="attached")
    extended.page.locator(".higen-preview video").wait_for(state="attached")
