"""Pairs of clips for the denoiser: the same noise, so that only what tells them apart can lower the loss."""

import random
from dataclasses import replace

import pytest
import torch

from higen_core import load_clip, load_vae
from higen_core.cues import UNTOLD_APPEARANCE, UNTOLD_MOTION
from higen_core.schedule import split
from higen_core.train.config import DenoiserTraining
from higen_core.train.denoiser import NOISY, ClipBatches
from higen_core.train.worlds import sprite_world

SHARD = 128  # frames of a file of clips: four pairs


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    config = DenoiserTraining(out=tmp_path_factory.mktemp("twins"), videos=1, pictures=1, twins=3, shard_frames=SHARD)
    clip = load_clip("mini")
    return ClipBatches(
        sprite_world(config, load_vae("mini"), clip), clip, config, {"prior_frame": 0, "noise_sharing": 0}
    )


def test_twins_have_one_prior_and_one_noise(batches):
    twins = batches(2000, 0)["twins"]
    assert len(twins.t) == 6
    assert (twins.t >= NOISY).all()
    assert torch.equal(twins.t[::2], twins.t[1::2])
    assert torch.allclose(twins.known["prior"][::2], twins.known["prior"][1::2], atol=1e-2)
    _, eps = split(twins.x, twins.target, twins.t)
    assert torch.allclose(eps[::2], eps[1::2], atol=1e-2)
    assert not torch.allclose(eps[0], eps[2], atol=1e-1)


def test_a_file_holds_both_of_each_pair(batches):
    pool = batches.world.twins
    clips = pool.draw(20, 2000, random.Random(0))
    for first in range(0, 20, 2):
        assert torch.allclose(clips.latents[first, :, 0], clips.latents[first + 1, :, 0], atol=1e-2)
        assert not torch.allclose(clips.latents[first], clips.latents[first + 1], atol=1e-2)


def test_without_prior_and_cues_twins_have_neither(batches):
    config = replace(batches.config, prior_strength=0.0, cue_dropout=1.0)
    plain = ClipBatches(batches.world, batches.clip, config, {"prior_frame": 0, "noise_sharing": 0})(2000, 0)
    for sample in (plain["twins"], plain["video"]):
        assert not sample.known["prior"].any()
        assert (sample.known["motion"] == UNTOLD_MOTION).all()
        assert (sample.known["appearance"] == UNTOLD_APPEARANCE).all()
    told = batches(2000, 0)["twins"].known
    assert (told["motion"] >= 0).all()
    assert (told["appearance"] >= 0).all()
