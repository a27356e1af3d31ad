"""Equal nodes in one graph: each gets its own answer where the answer names the node."""

import pytest

from ..comfyui.server import ComfyServer


@pytest.fixture(scope="module")
def answers(server: ComfyServer) -> dict:
    """The ui outputs of two equal schedules, and of two equal nodes that save the same video."""
    cues = {"class_type": "HiGenCueSchedule", "inputs": {"frames": 16, "motion": 500, "appearance": 1.0}}
    frames = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 2, "color": 0}}
    combine = {"fps": 8.0, "format": "h264-mp4", "filename_prefix": "equal", "images": ["frames", 0]}
    prompt = {"a": cues, "b": cues, "frames": frames}
    for name in ("a", "b"):
        prompt[f"plot {name}"] = {"class_type": "PreviewImage", "inputs": {"images": [name, 1]}}
    for name in ("c", "d"):
        prompt[name] = {"class_type": "HiGenVideoCombine", "inputs": combine}
    run = server.run(prompt)
    assert run.ending == "success", run.error
    return run.outputs


def test_each_of_two_equal_schedules_shows_its_curves(answers):
    assert [answers[name]["higen_curves"][0]["schedules"] for name in ("a", "b")] == [["a"], ["b"]]


def test_each_of_two_equal_video_nodes_saves_its_file(answers):
    files = [answers[name]["higen_video"][0]["filename"] for name in ("c", "d")]
    assert files[0] != files[1]
