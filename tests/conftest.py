"""Imports and fixtures for all tests.

The root of the repository must not be on `sys.path`, where its folder `nodes` would shadow ComfyUI's module of that
name. Tests import the core as `higen_core` and the whole pack as `higen_pack`; PackageFinder finds both by path.
"""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import sync_playwright

from .comfyui.browser import RENDERERS, Editor, launch
from .comfyui.paths import ROOT, WORKFLOWS
from .comfyui.server import ComfyServer
from .comfyui.workflow import load_prompt

EDITOR = pytest.StashKey[Editor]()
MUST_OPEN = pytest.StashKey[bool]()
FILES_WITH_EDITOR = pytest.StashKey[set[Path]]()
PACKAGES = {"higen_core": ROOT / "higen_core", "higen_pack": ROOT}


class PackageFinder:
    """An import hook that finds PACKAGES by the paths of their folders."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in PACKAGES:
            return None
        folder = str(PACKAGES[name])
        return importlib.util.spec_from_file_location(
            name, f"{folder}/__init__.py", submodule_search_locations=[folder]
        )


# A test must not fail because the machine is busy.
settings.register_profile("higen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("higen")

sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != ROOT]
sys.meta_path.insert(0, PackageFinder)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A running ComfyUI with this pack, the same for all tests of the session."""
    with ComfyServer(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


@pytest.fixture(scope="session")
def text_to_video(server):
    """API prompt and workflow of text_to_video.json."""
    return load_prompt(WORKFLOWS / "text_to_video.json", server.object_info())


@pytest.fixture(scope="session")
def chromium():
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = launch(playwright.chromium)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def page_of_session(chromium, server, request):
    """ComfyUI's graph editor on one page for all tests: to open it takes as long as ten tests."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(180_000)  # milliseconds; a page may take a minute to open on a busy machine
    editor = request.session.stash[EDITOR] = Editor(page, server, RENDERERS[0])
    return editor


@pytest.fixture(scope="module", params=RENDERERS)
def renderer(request):
    return request.param


@pytest.fixture
def editor(page_of_session, renderer, request):
    """An empty graph, with each renderer. The test fails if the extension logs an error during it."""
    editor = page_of_session
    if request.session.stash.get(MUST_OPEN, False):
        editor.open()
        request.session.stash[MUST_OPEN] = False
    editor.start_over(renderer)
    yield editor
    assert editor.errors == []


def pytest_collection_modifyitems(config, items):
    """Files with the graph editor come first, so that its page is left once, and then those of the server, which are
    long, so that the processes of a run end at the same time."""
    with_editor = {item.path for item in items if "page_of_session" in item.fixturenames}
    config.stash[FILES_WITH_EDITOR] = with_editor
    in_server = ROOT / "tests/server"
    items.sort(key=lambda item: 0 if item.path in with_editor else 1 if in_server in item.path.parents else 2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Leaves the graph editor before a file without it: the page works at each event of the server, also unseen."""
    stash, with_editor = item.session.stash, item.config.stash[FILES_WITH_EDITOR]
    try:
        return (yield)
    finally:
        if EDITOR in stash and item.path in with_editor and nextitem and nextitem.path not in with_editor:
            stash[EDITOR].leave()
            stash[MUST_OPEN] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Notes that a test failed, after which nothing is known of the state of the page."""
    report = yield
    if report.failed:
        item.session.stash[MUST_OPEN] = True
    return report
