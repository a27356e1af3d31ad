"""Every workflow of the pack that needs no other weights runs unchanged, over HTTP."""

import pytest

from ..comfyui.demo import saved_files
from ..comfyui.paths import WORKFLOWS
from ..comfyui.workflow import load_prompt

OTHER_WEIGHTS = ("_released", "stock_sampler_prior")  # test_released.py and test_cue_workflows.py
IN_CUE_WORKFLOWS = (
    "decouple_grid",
    "image_to_video",
    "long_video",
    "loop",
    "motion_brush",
    "motion_transfer",
    "storyboard",
    "video_to_video",
)
BUNDLED = [path for path in sorted(WORKFLOWS.glob("*.json")) if not path.stem.endswith(OTHER_WEIGHTS)]


def case(path):
    """A workflow; one that test_cue_workflows.py runs, too, is slow here."""
    return pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in IN_CUE_WORKFLOWS else [])


@pytest.mark.parametrize("workflow_file", [case(path) for path in BUNDLED])
def test_a_workflow_runs_and_saves_its_files(server, workflow_file):
    run = server.run(*load_prompt(workflow_file, server.object_info()))
    assert run.ending == "success", run.error
    files = [server.output_path(entry) for entry in saved_files(run.outputs)]
    assert files
    assert [path for path in files if not path.stat().st_size] == []
