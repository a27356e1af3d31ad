"""Cues measured in a video are sent to the schedule that the video was made with."""

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.models.clip import CLIP
from higen_pack.nodes.output.measured_curves import extracted_curves, measured_curves, schedules_of, shaping_inputs

from .. import networks


def node(class_type, **inputs):
    return {"class_type": class_type, "inputs": inputs}


PROMPT = {
    "1": node("HiGenCueSchedule", frames=8),
    "2": node("HiGenTemporalSampler", cues=["1", 0], prior=["9", 0], steps=20),
    "3": node("VAEDecode", samples=["2", 0]),
    "4:7": node("HiGenCueSchedule", frames=8, cues=["1", 0]),
    "5": node("SomeSwitch", a=["4:7", 0], b=7, c=[["1", 0]], d=["gone", 0]),
    "6": node("HiGenTemporalSampler", cues=["5", 0], prior=["3", 0]),
    "7": node("VAEDecode", samples=["6", 0]),
    "8": node("HiGenVideoCombine", images=["7", 0], fps=8),
    "9": node("EmptyLatentImage", width=64),
}


def test_the_schedule_of_a_video_is_found():
    assert schedules_of({**PROMPT, "8": node("HiGenVideoCombine", images=["3", 0])}, "8") == ["1"]


def test_the_schedule_of_a_video_of_a_stock_sampler_is_found():
    stock = {
        "2": node("HiGenApplyCues", cues=["1", 0], positive=["9", 0]),
        "10": node("KSampler", latent_image=["2", 2], positive=["2", 0]),
        "3": node("VAEDecode", samples=["10", 0]),
        "8": node("HiGenVideoCombine", images=["3", 0]),
    }
    assert schedules_of(PROMPT | stock, "8") == ["1"]


def test_the_schedule_of_a_video_that_the_prior_was_taken_from_is_not_found():
    assert schedules_of(PROMPT, "8") == ["4:7"]


def test_frames_of_other_nodes_have_no_schedule():
    assert schedules_of({"8": node("HiGenVideoCombine", images=["1", 0]), "1": node("LoadImage")}, "8") == []
    assert schedules_of({}, "8") == []


def test_a_cycle_of_links_ends():
    cycle = {"1": node("A", x=["2", 0]), "2": node("B", x=["1", 0]), "3": node("C", x=["1", 0])}
    assert schedules_of(cycle, "3") == []


@pytest.fixture
def model(tmp_path):
    """The info and the image encoder of a model."""
    towers = networks.random_file(tmp_path / "clip.safetensors", CLIP, networks.CLIP)
    return hg.ModelInfo(motion_scale=2000, similarity_floor=0.0), hg.load_clip(towers).encode_image


def test_motion_and_appearance_of_a_clip_are_measured(model):
    images = torch.tensor([0.0, 0.1, 0.3, 0.3])[:, None, None, None].expand(-1, 32, 32, 3)
    (curves,) = measured_curves(images, *model, PROMPT, "8")["higen_curves"]
    assert curves["schedules"] == ["4:7"]
    assert curves["kind"] == "measured"
    assert curves["motion_scale"] == 2000
    assert curves["inputs"] == {"4:7": {"frames": 8}}
    assert curves["motion"] == [200, 400, 0]
    assert len(curves["appearance"]) == 4
    assert all(0 <= factor <= 1 for factor in curves["appearance"])


def test_the_inputs_that_shaped_the_cues_come_with_them(model):
    schedule = node("HiGenCueSchedule", frames=["9", 0], motion=3, motion_curve="{}", motion_from=["9", 0], fps=8)
    (curves,) = measured_curves(torch.zeros(2, 32, 32, 3), *model, PROMPT | {"4:7": schedule}, "8")["higen_curves"]
    assert curves["inputs"] == {"4:7": {"motion": 3, "motion_curve": "{}"}}


def test_numbers_and_curves_that_a_link_replaces_did_not_shape_the_cues():
    inputs = {"frames": 8, "motion": 3, "motion_curve": "{}", "appearance": 1, "motion_curve_from": ["9", 0]}
    assert shaping_inputs(inputs) == {"frames": 8, "appearance": 1}


def test_a_static_clip_has_no_motion_and_no_change(model):
    images = torch.rand(1, 32, 32, 3, generator=torch.Generator().manual_seed(1)).expand(4, -1, -1, -1)
    (curves,) = measured_curves(images, *model, PROMPT, "8")["higen_curves"]
    assert curves["motion"] == [0, 0, 0]
    assert curves["appearance"] == pytest.approx([0, 0, 0, 0], abs=1e-3)


def test_transparent_parts_count_as_black(model):
    rgba = torch.rand(11, 32, 32, 4, generator=torch.Generator().manual_seed(1))
    on_black = rgba[..., :3] * rgba[..., 3:]
    assert measured_curves(rgba, *model, PROMPT, "8") == measured_curves(on_black, *model, PROMPT, "8")


def test_a_single_frame_is_not_measured(model):
    assert measured_curves(torch.rand(1, 32, 32, 3), *model, PROMPT, "8") == {}


def test_without_a_similarity_floor_only_motion_is_measured():
    (curves,) = measured_curves(torch.zeros(3, 8, 8, 3), hg.ModelInfo(), None, PROMPT, "8")["higen_curves"]
    assert curves["motion"] == [0, 0]
    assert "appearance" not in curves


def test_a_schedule_shows_the_cues_that_it_blends_in():
    motion_from, appearance_from = hg.Cues.constant(3, motion=200), hg.Cues.constant(4, appearance=0.5)
    (curves,) = extracted_curves("7", motion_from, appearance_from)["higen_curves"]
    assert curves["schedules"] == ["7"]
    assert curves["kind"] == "extracted"
    assert curves["motion"] == [200, 200]
    assert curves["appearance"] == pytest.approx([0.5] * 4, abs=1e-3)


def test_a_schedule_without_other_cues_removes_their_curves():
    (curves,) = extracted_curves("7", None, None)["higen_curves"]
    assert (curves["motion"], curves["appearance"]) == ([], [])
