"""Workflows that combine the nodes: image to video, cues of real videos, several cues, a prior of a stock sampler."""

import numpy as np
import pytest
from PIL import Image

from ..comfyui.demo import saved_files
from ..comfyui.paths import WORKFLOWS
from ..comfyui.server import PromptRejectedError
from ..comfyui.video import frames_of, motion
from ..comfyui.workflow import load_prompt, only


@pytest.fixture(scope="module")
def finished(server):
    """A function that runs a workflow once and returns its prompt and its run."""
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
    ("name", "size"),
    [
        ("image_to_video", (64, 64)),
        ("motion_transfer", (64, 64)),
        pytest.param("decouple_grid", (64, 200), marks=pytest.mark.slow),
    ],
)
def test_a_workflow_makes_its_video(server, finished, name, size):
    _, run = finished(name)
    assert run.ending == "success", run.error
    frames = video(server, run)
    assert frames.shape == (16, *size, 3)
    assert motion(frames) > 0.2
    assert frames.std() > 10, "an almost uniform image"


def test_only_what_is_painted_moves(server, finished):
    """The painted half of the bundled image is the left one; the decoder lets a little through at the border."""
    frames = video(server, finished("motion_brush")[1])
    assert frames.shape == (16, 64, 64, 3)
    assert motion(frames[:, :, :32]) > 3 * motion(frames[:, :, 36:])


def test_the_frames_of_a_storyboard_show_its_images(server, finished):
    prompt, run = finished("storyboard")
    assert run.ending == "success", run.error
    (previewed,) = (run.outputs[key]["images"] for key, node in prompt.items() if node["class_type"] == "PreviewImage")
    frames = video(server, run)
    assert len(previewed) == 3
    for i, entry in zip((0, 8, 15), previewed, strict=True):
        with Image.open(server.output_path(entry)) as image:
            small = image.convert("RGB").resize((64, 64), Image.Resampling.BOX)  # it is shown enlarged
            expected = np.asarray(small, dtype=np.float32)
        assert np.abs(frames[i] - expected).mean() < 8, f"frame {i}, in the colors of a compressed video"


def test_a_video_is_changed_and_still_resembles_its_start(server, finished):
    frames = video(server, finished("video_to_video")[1])
    assert frames.shape == (16, 64, 64, 3)
    assert motion(frames) > 0.2


def changes(frames):
    """Mean absolute change of a pixel from each frame to the next."""
    return abs(frames[1:].astype(float) - frames[:-1]).mean(axis=(1, 2, 3))


@pytest.mark.slow
def test_a_long_video_stays_as_it_began(server, finished):
    _, run = finished("long_video")
    assert run.ending == "success", run.error
    frames = video(server, run)
    assert frames.shape == (64, 64, 64, 3)
    assert motion(frames) > 0.2
    colors = [frames[part].mean(axis=(0, 1, 2)) for part in (slice(16), slice(48, 64))]
    assert abs(colors[0] - colors[1]).max() < 8
    assert changes(frames).max() < 5 * np.median(changes(frames))


def test_a_loop_closes(server, finished):
    _, run = finished("loop")
    assert run.ending == "success", run.error
    frames = video(server, run)
    assert motion(frames) > 0.2
    (seam,) = changes(frames[[-1, 0]])
    assert seam <= changes(frames).max()


def test_the_extractor_describes_the_cues(finished):
    prompt, run = finished("motion_transfer")
    (text,) = run.outputs[only(prompt, "HiGenCueExtractor")]["text"]
    assert text.startswith("16 frames, motion ")
    assert "cut off" not in text, "the bundled video must be in mini's range with the motion_scale of the workflow"


@pytest.mark.slow
def test_the_grid_has_more_motion_where_the_cue_is_higher(server, finished):
    """A property of mini rather than of the nodes, which the weights may lose; only in `make test-all`."""
    frames = video(server, finished("decouple_grid")[1])
    low_motion, high_motion = frames[:, :, :64], frames[:, :, 68:132]
    assert motion(high_motion) > 1.5 * motion(low_motion)


def test_the_stock_sampler_workflow_is_valid_except_for_the_checkpoint(server):
    """Without a Stable Diffusion model it cannot run: ComfyUI must accept all but the name of that file."""
    prompt, workflow = load_prompt(WORKFLOWS / "stock_sampler_prior.json", server.object_info())
    with pytest.raises(PromptRejectedError) as rejection:
        server.submit(prompt, workflow)
    (node,) = rejection.value.errors["node_errors"].values()
    assert node["class_type"] == "CheckpointLoaderSimple"
    assert [error["extra_info"]["input_name"] for error in node["errors"]] == ["ckpt_name"]
