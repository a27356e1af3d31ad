"""Clips that are held still in places."""

import random

import pytest
import torch
from einops import rearrange

from higen_core.cues import measure_motion, similarity
from higen_core.train import sprites
from higen_core.train.data import Clips
from higen_core.train.retiming import retimed

FLOOR = 0.1


def seen(frames: torch.Tensor) -> Clips:
    """Clips whose latents are the pixels, and whose image embeddings are their means over rows."""
    return Clips(
        rearrange(frames, "b f h w c -> b c f h w"),
        measure_motion(frames, sprites.MOTION_SCALE).short(),
        similarity(rearrange(frames, "b f h w c -> b f (w c) h").mean(-1), FLOOR),
        [("a cat", "a cat")] * len(frames),
    )


@pytest.fixture(scope="module")
def clips():
    rng = random.Random("retiming")
    return seen(torch.stack([sprites.render(sprites.sample_scene(rng), 16) for _ in range(24)]))


@pytest.mark.parametrize(("frozen", "paused"), [(0, 0), (1, 0), (0, 1), (0.3, 0.3)])
def test_the_cues_are_those_of_the_new_pixels(clips, frozen, paused):
    new = retimed(clips, frozen, paused, torch.Generator().manual_seed(0))
    again = seen(rearrange(new.latents, "b c f h w -> b f h w c"))
    assert torch.equal(new.motion.long(), again.motion.long())
    assert torch.allclose(new.appearance, again.appearance, atol=1e-5)
    assert new.captions == clips.captions


def test_shares_of_clips(clips):
    generator = torch.Generator().manual_seed(0)
    many = [retimed(clips, 0.25, 0.25, generator) for _ in range(20)]
    still = torch.cat([(new.motion == 0).all(dim=1) & (clips.motion > 0).any(dim=1) for new in many])
    same = torch.cat([(new.latents == clips.latents).flatten(1).all(dim=1) for new in many])
    moving = (clips.motion > 0).any(dim=1).repeat(20)
    assert 0.2 < still[moving].float().mean() < 0.35  # a paused clip may never go, too
    assert 0.45 < same[moving].float().mean() < 0.6  # nor ever stop


def test_a_paused_clip_moves_in_its_own_order(clips):
    new = retimed(clips, 0, 1, torch.Generator().manual_seed(0))
    for before, after in zip(clips.latents.unbind(), new.latents.unbind(), strict=True):
        same = (before[:, :, None] == after[:, None]).flatten(3).all(3).all(0)  # frames of the clip x frames shown
        shown = {0}  # where the clip may be: more than one place where it holds still by itself
        assert same[0, 0]
        for time in range(1, same.shape[1]):
            shown = {place for at in shown for place in (at, at + 1) if place < len(same) and same[place, time]}
            assert shown, time
