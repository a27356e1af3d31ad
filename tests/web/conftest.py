"""A page with the graph editor, once per renderer."""

import pytest

from ..comfyui.browser import RENDERERS, Editor
from .schedule import EMPTY, add_schedule


@pytest.fixture(scope="module", params=RENDERERS)
def page_of_renderer(chromium, server, request):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    yield Editor(page, server, request.param)
    page.close()


@pytest.fixture
def editor(page_of_renderer):
    """An empty graph. The test fails if the extension logs an error during it."""
    editor = page_of_renderer
    editor.errors.clear()
    editor.page.keyboard.press("Escape")
    editor.load(EMPTY)
    editor.page.wait_for_function("() => document.querySelectorAll('svg.hc-plot').length === 0")
    yield editor
    assert editor.errors == []


@pytest.fixture
def schedule(editor):
    """The curve editor of one Cue Schedule node of 16 frames."""
    return add_schedule(editor)
