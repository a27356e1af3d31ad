"""The pack in a real ComfyUI, over HTTP."""

import io
import json

import pytest
from PIL import Image

from ..comfyui.demo import saved_files
from ..comfyui.paths import ROOT
from ..comfyui.server import PACK_FOLDER
from ..comfyui.video import frames_of, graph_in, motion
from ..comfyui.workflow import only, with_inputs

NODES = {
    "HiGenLoader": "HiGen Loader",
    "HiGenSpatialPriorSampler": "HiGen Spatial Prior Sampler",
    "HiGenImagePrior": "HiGen Image to Spatial Prior",
    "HiGenPriorTrack": "HiGen Prior Track",
    "HiGenAudioMotion": "HiGen Audio Motion",
    "HiGenAccelerate": "HiGen Accelerate",
    "HiGenCueExtractor": "HiGen Cue Extractor",
    "HiGenCueSchedule": "HiGen Cue Schedule",
    "HiGenTemporalSampler": "HiGen Temporal Sampler",
    "HiGenApplyCues": "HiGen Apply Cues",
    "HiGenVideoNoise": "HiGen Video Noise",
    "HiGenGuider": "HiGen Guider",
    "HiGenVideoCombine": "HiGen Video Combine",
}
SAMPLERS = ("HiGenSpatialPriorSampler", "HiGenTemporalSampler")


@pytest.fixture(scope="module")
def fresh(text_to_video):
    """text_to_video.json with other seeds, so that ComfyUI has no result of it in its cache."""
    prompt, workflow = text_to_video
    for sampler in SAMPLERS:
        prompt = with_inputs(prompt, sampler, seed=2024)
    return prompt, workflow


@pytest.fixture(scope="module")
def finished(server, fresh):
    """That workflow, run once."""
    run = server.run(*fresh)
    assert run.ending == "success", run.error
    return run


@pytest.fixture(scope="module")
def mp4(server, finished):
    (entry,) = (entry for entry in saved_files(finished.outputs) if entry["filename"].endswith(".mp4"))
    return server.output_path(entry)


def test_every_node_is_registered(info):
    assert {key: node["display_name"] for key, node in info.items()} == NODES


def test_node_list_has_the_same_nodes():
    assert json.loads((ROOT / "node_list.json").read_text()) == NODES


def test_every_input_and_output_has_a_tooltip(info):
    missing = [
        f"{key}.{name}"
        for key, node in info.items()
        for group in ("required", "optional")
        for name, (_, *options) in node["input"].get(group, {}).items()
        if not (options and options[0].get("tooltip"))
    ]
    missing += [
        f"{key}: output {i}" for key, node in info.items() for i, tip in enumerate(node["output_tooltips"]) if not tip
    ]
    assert missing == []


def test_the_pack_loads_without_warnings_in_the_log(server):
    lines = server.log().partition("got prompt")[0].splitlines()  # later tests provoke errors
    (timing,) = (line for line in lines if line.rstrip().endswith(PACK_FOLDER) and "seconds" in line)
    assert "IMPORT FAILED" not in timing
    own = [line.replace(str(ROOT), "") for line in lines if line is not timing]  # the clone may be named higen, too
    others = [line for line in own if PACK_FOLDER in line or "higen" in line.lower()]
    assert [line for line in others if any(word in line.lower() for word in ("error", "fail", "warn", "file "))] == []


def test_the_model_folder_exists(server):
    assert (server.base / "models" / "higen").is_dir()


def test_a_prompt_becomes_16_frames_that_move(mp4):
    frames = frames_of(mp4)
    assert frames.shape == (16, 64, 64, 3)
    assert motion(frames) > 0.5
    assert frames.std() > 10, "an almost uniform image"


def test_the_file_contains_its_graph(mp4, fresh):
    prompt, workflow = fresh
    assert graph_in(mp4) == {"prompt": prompt, "workflow": workflow}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_sampler_reports_every_step(finished, fresh, sampler):
    key, steps = only(fresh[0], sampler), 12  # as suits mini
    reported = list(dict.fromkeys(finished.progress(key)))
    assert [step for step in reported if step[0]] == [(i, steps) for i in range(1, steps + 1)]


def test_previews_are_images(finished):
    assert finished.previews
    for preview in finished.previews:
        Image.open(io.BytesIO(preview)).load()


# A step must take longer than the request that cancels it, so the single image is large (pixels).
@pytest.mark.parametrize("sampler, size", [("HiGenSpatialPriorSampler", 256), ("HiGenTemporalSampler", 64)])
def test_cancel_takes_effect_within_a_step_and_the_server_keeps_working(server, text_to_video, sampler, size):
    prompt, workflow = text_to_video
    prompt = with_inputs(prompt, "HiGenSpatialPriorSampler", width=size, height=size)
    prompt = with_inputs(prompt, sampler, steps=500)
    key = only(prompt, sampler)
    cancelled_at = []

    def cancel(kind, data):
        if kind == "progress" and data["node"] == key and data["value"] >= 3 and not cancelled_at:
            server.interrupt()
            cancelled_at.append(data["value"])

    before = set((server.base / "output").rglob("*"))
    run = server.run(prompt, workflow, on_event=cancel)
    assert run.ending == "interrupted"
    last_step, _ = run.progress(key)[-1]
    assert last_step <= cancelled_at[0] + 1
    assert set((server.base / "output").rglob("*")) == before, "a cancelled run left files"

    again = server.run(with_inputs(text_to_video[0], sampler, steps=2), workflow)
    assert again.ending == "success", again.error
