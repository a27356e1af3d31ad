"""Measured cues find their way back to the schedule that asked for them."""

import pytest
import torch
from higen_pack.higen_core.cues import Cues
from higen_pack.higen_core.text import CLIP
from higen_pack.nodes.feedback import extracted_curves, measured_curves, schedules_of
from higen_pack.nodes.model import HigenModel

from . import networks


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


def test_a_video_leads_to_its_own_schedule():
    assert schedules_of({**PROMPT, "8": node("HiGenVideoCombine", images=["3", 0])}, "8") == ["1"]


def test_a_video_made_from_another_leads_past_the_other_ones_schedule():
    assert schedules_of(PROMPT, "8") == ["4:7"]


def test_frames_from_elsewhere_lead_nowhere():
    assert schedules_of({"8": node("HiGenVideoCombine", images=["1", 0]), "1": node("LoadImage")}, "8") == []
    assert schedules_of({}, "8") == []


def test_a_ring_of_links_ends():
    ring = {"1": node("A", x=["2", 0]), "2": node("B", x=["1", 0]), "3": node("C", x=["1", 0])}
    assert schedules_of(ring, "3") == []


@pytest.fixture
def model(tmp_path):
    """What measuring needs of a model: its units, and the towers it was trained with."""
    towers = networks.random_file(tmp_path / "clip.safetensors", CLIP, networks.CLIP)
    return HigenModel(None, {"motion_scale": 2000, "similarity_floor": 0.0}, str(towers))


def test_a_brightening_clip_measures_its_motion(model):
    images = torch.tensor([0.0, 0.1, 0.3, 0.3])[:, None, None, None].expand(-1, 32, 32, 3)
    (curves,) = measured_curves(images, model, PROMPT, "8")["higen_curves"]
    assert curves["schedules"] == ["4:7"]
    assert curves["kind"] == "measured"
    assert curves["motion_scale"] == 2000
    assert curves["motion"] == [200, 400, 0]
    assert len(curves["appearance"]) == 4
    assert all(0 <= factor <= 1 for factor in curves["appearance"])


def test_a_frozen_clip_measures_no_motion_and_no_change(model):
    images = torch.rand(1, 32, 32, 3, generator=torch.Generator().manual_seed(1)).expand(4, -1, -1, -1)
    (curves,) = measured_curves(images, model, PROMPT, "8")["higen_curves"]
    assert curves["motion"] == [0, 0, 0]
    assert curves["appearance"] == pytest.approx([0, 0, 0, 0], abs=1e-3)


def test_a_still_measures_nothing(model):
    assert measured_curves(torch.rand(1, 32, 32, 3), model, PROMPT, "8") == {}


def test_weights_without_a_similarity_floor_measure_motion_only():
    model = HigenModel(None, {"motion_scale": 10_000})
    (curves,) = measured_curves(torch.zeros(3, 8, 8, 3), model, PROMPT, "8")["higen_curves"]
    assert curves["motion"] == [0, 0]
    assert "appearance" not in curves


def test_a_schedule_shows_the_cues_that_it_blends_in():
    (curves,) = extracted_curves("7", Cues.constant(3, motion=200), Cues.constant(4, appearance=0.5))["higen_curves"]
    assert curves["schedules"] == ["7"]
    assert curves["kind"] == "extracted"
    assert curves["motion"] == [200, 200]
    assert curves["appearance"] == pytest.approx([0.5] * 4, abs=1e-3)


def test_a_schedule_without_other_cues_takes_their_curves_away():
    (curves,) = extracted_curves("7", None, None)["higen_curves"]
    assert (curves["motion"], curves["appearance"]) == ([], [])
