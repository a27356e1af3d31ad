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


def test_the_curves_of_equal_videos_reach_their_own_schedules(server, text_to_video):
    """Two schedules, two samplers with the same seed and two videos, all of them equal."""
    prompt, _ = text_to_video
    copied = ("HiGenCueSchedule", "HiGenTemporalSampler", "HiGenVideoCombine")
    names = {key: f"{key}0" for key, node in prompt.items() if node["class_type"] in copied}
    names |= {prompt[key]["inputs"]["images"][0]: "decoded" for key in names if "images" in prompt[key]["inputs"]}

    def renamed(value):
        return [names.get(value[0], value[0]), value[1]] if isinstance(value, list) else value

    copies = {
        names[key]: prompt[key] | {"inputs": {name: renamed(value) for name, value in prompt[key]["inputs"].items()}}
        for key in names
    }
    run = server.run(prompt | copies)
    assert run.ending == "success", run.error
    measured = {
        key: entry["schedules"]
        for key, output in run.outputs.items()
        for entry in output.get("higen_curves", [])
        if entry["kind"] == "measured"
    }
    (schedule,) = (key for key, node in prompt.items() if node["class_type"] == "HiGenCueSchedule")
    (video,) = (key for key, node in prompt.items() if node["class_type"] == "HiGenVideoCombine")
    assert measured == {video: [schedule], names[video]: [names[schedule]]}
