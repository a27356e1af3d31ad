"""Fixtures for tests of the pack in a running server."""

import pytest

from ..comfyui.paths import WORKFLOWS
from ..comfyui.workflow import load_prompt


@pytest.fixture(scope="session")
def info(server):
    """The schemas of this pack's nodes by node id, as the graph editor gets them."""
    return {key: node for key, node in server.object_info().items() if node["category"].startswith("HiGen")}


@pytest.fixture(scope="session")
def text_to_video(server):
    """API prompt and workflow of text_to_video.json."""
    return load_prompt(WORKFLOWS / "text_to_video.json", server.object_info())
