"""What the tests of the running pack share."""

import pytest

from .paths import WORKFLOWS
from .workflow import load_prompt


@pytest.fixture(scope="session")
def info(server):
    """The schemas of this pack's nodes by node id, as the graph editor sees them."""
    return {key: node for key, node in server.object_info().items() if node["category"].startswith("HiGen")}


@pytest.fixture(scope="session")
def text_to_video(server):
    """(API prompt, workflow) of the bundled workflow."""
    return load_prompt(WORKFLOWS / "text_to_video.json", server.object_info())


@pytest.fixture(params=sorted(WORKFLOWS.glob("*.json")), ids=lambda path: path.stem)
def workflow_file(request):
    """Each workflow of the pack."""
    return request.param
