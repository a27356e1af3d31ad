"""Results reach the nodes on a page where another extension has replaced a function of ComfyUI's `api`."""

import json

import pytest

from ...comfyui.paths import WORKFLOWS
from ..renderers import MOSTLY_CLASSIC
from ..schedule import NODE, Curves

pytestmark = MOSTLY_CLASSIC

PATH = "/extensions/earlier/earlier.js"
ANSWERS_NOTHING = {
    "a promise of nothing": "async (...args) => { await original(...args); }",
    "nothing": "(...args) => { original(...args); }",
}


FAILS = {
    "an error": "() => { throw new Error('of an earlier extension'); }",
    "a promise of an error": "async () => { throw new Error('of an earlier extension'); }",
    "an error that it prints": "() => { console.error(new Error('of an earlier extension')); return original(); }",
}
KINDS = ", ".join(f"{json.dumps(kind)}: {function}" for kind, function in (ANSWERS_NOTHING | FAILS).items())
SOURCE = f"""
    import {{ api }} from "/scripts/api.js";
    const original = api.queuePrompt.bind(api);
    const kinds = {{ {KINDS} }};
    api.queuePrompt = (...args) => kinds[window.kindOfEarlierExtension](...args);
"""


@pytest.fixture(scope="module", autouse=True)
def earlier_extension(page_of_session):
    """An extension that replaces the function before this pack's extensions are set up, once for all kinds."""
    page = page_of_session.page

    def add(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=[PATH, *answer.json()])

    page.route("**/api/extensions", add)
    page.route(f"**{PATH}", lambda route: route.fulfill(body=SOURCE, content_type="text/javascript"))
    page_of_session.open()
    yield
    page.unroute_all()
    page_of_session.open()


@pytest.fixture
def extended(editor, request):
    """The page where the extension does what the parameter says."""
    editor.page.evaluate("kind => { window.kindOfEarlierExtension = kind; }", request.param)
    return editor


@pytest.mark.parametrize("extended", ANSWERS_NOTHING, indirect=True)
def test_an_earlier_extension_answers_nothing_when_a_prompt_is_queued(extended):
    extended.load(json.loads((WORKFLOWS / "text_to_video.json").read_text()))
    node = extended.page.evaluate("type => app.graph._nodes.find(n => n.comfyClass === type).id", NODE)
    assert extended.run()["status"]["status_str"] == "success"
    Curves(extended, node).plot.locator(".hc-measured.hc-motion").wait_for(state="attached")
    extended.page.locator(".higen-preview video").wait_for(state="attached")


@pytest.mark.parametrize("extended", FAILS, indirect=True)
def test_an_error_of_an_earlier_extension_is_not_reported_as_one_of_this_pack(extended):
    """The fixture `editor` fails the test if a file of this pack is in the call stack of a reported error."""
    extended.load(json.loads((WORKFLOWS / "text_to_video.json").read_text()))
    with extended.page.expect_console_message(lambda message: "of an earlier extension" in message.text):
        extended.page.evaluate("() => void app.queuePrompt(0).catch(error => console.error(error.stack))")
    extended.page.wait_for_timeout(1000)
    text = extended.page.evaluate("async () => { try { await app.api.queuePrompt(0); } catch (e) { return e.stack; } }")
    assert "higen" not in (text or "").lower()
    assert not [error for error in extended.errors if "/extensions/" in error and PATH not in error]
