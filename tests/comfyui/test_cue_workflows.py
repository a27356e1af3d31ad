"""The workflows that rewire HiGen: own pictures, cues of real videos, several cues side by side, a stock sampler."""

import pytest

from .demo import saved_files
from .paths import WORKFLOWS
from .server import PromptRejectedError
from .video import frames_of, motion
from .workflow import load_prompt, only


@pytest.fixture(scope="module")
def finished(server):
    """Runs a workflow once -> (its prompt, its run)."""
    runs = {}

    def run(name):
        if name not in runs:
            prompt, workflow = load_prompt(WORKFLOWS / f"{name}.json", server.object_info())
            runs[name] = prompt, server.run(prompt, workflow)
        return runs[name]

    return run


def video(server, run):
    (entry,) = (entry for entry in saved_files(run.outputs) if entry["filename"].endswith(".mp4"))
    return frames_of(server.output_path(entry))


@pytest.mark.parametrize(
    ("name", "size"), [("image_to_video", (64, 64)), ("motion_transfer", (64, 64)), ("decouple_grid", (64, 200))]
)
def test_a_workflow_makes_its_video(server, finished, name, size):
    _, run = finished(name)
    assert run.ending == "success", run.error
    frames = video(server, run)
    assert frames.shape == (16, *size, 3)
    assert motion(frames) > 0.2
    assert frames.std() > 10, "an almost flat picture"


def test_the_extractor_tells_what_it_found(finished):
    prompt, run = finished("motion_transfer")
    (text,) = run.outputs[only(prompt, "HiGenCueExtractor")]["text"]
    assert text.startswith("16 frames, motion ")
    assert "cut off" not in text, "the shipped clip should fit mini's range with the workflow's motion_scale"


@pytest.mark.slow
def test_more_motion_is_asked_for_and_comes_in_the_grid(server, finished):
    """A measurement of mini rather than of the nodes, so with the other ones in `make test-all`."""
    frames = video(server, finished("decouple_grid")[1])
    little, much = frames[:, :, :64], frames[:, :, 68:132]
    assert motion(much) > 1.5 * motion(little)


def test_the_stock_sampler_graph_lacks_nothing_but_the_checkpoint(server):
    """No Stable Diffusion model is at hand here: ComfyUI has to accept all of the graph but the file's name."""
    prompt, workflow = load_prompt(WORKFLOWS / "stock_sampler_prior.json", server.object_info())
    with pytest.raises(PromptRejectedError) as refusal:
        server.submit(prompt, workflow)
    (wrong,) = refusal.value.errors["node_errors"].values()
    assert wrong["class_type"] == "CheckpointLoaderSimple"
    assert [error["extra_info"]["input_name"] for error in wrong["errors"]] == ["ckpt_name"]
