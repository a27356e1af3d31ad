"""The pack in the graph editor, in a real browser."""

import pytest

from .paths import WORKFLOWS
from .workflow import load_prompt

FILES = sorted(WORKFLOWS.glob("*.json"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def workflow_file(request):
    return request.param


def test_a_workflow_loads_with_no_missing_node_and_no_error(editor, server, workflow_file):
    prompt, workflow = load_prompt(workflow_file, server.object_info())
    editor.load(workflow)
    editor.fit()
    editor.screenshot(f"loaded-{workflow_file.stem}")
    assert editor.missing_types() == []
    assert editor.our_errors() == []
    assert editor.prompt() == prompt
