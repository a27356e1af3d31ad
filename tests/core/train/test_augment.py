"""Clips that stand still for all or some of their frames."""

import pytest
import torch
from einops import rearrange

from higen_core.cues.measures import measure_motion, similarity
from higen_core.train.augment import repeat_frames
from higen_core.train.data.clips import Clips

from .. import videos

FLOOR = 0.1
SCALE = 10_000


def measured(frames: torch.Tensor) -> Clips:
    """Clips whose latents are the pixels, and whose image embeddings are their means over rows."""
    return Clips(
        rearrange(frames, "b f h w c -> b c f h w"),
        measure_motion(frames, SCALE).short(),
        similarity(rearrange(frames, "b f h w c -> b f (w c) h").mean(-1), FLOOR),
        [("a cat",)] * len(frames),
        text=torch.zeros(len(frames), 1, 0, 0),
    )


@pytest.fixture(scope="module")
def clips():
    """Squares that cross the image, stand still, or go and then stop; backgrounds that get darker."""
    time = torch.linspace(0, 1, 16)
    paths = [40 * speed * time.clamp(max=end) for speed in (0, 0.3, 0.6, 1) for end in (0.5, 0.8, 1)]
    lights = [1 - dim * time for dim in (0.0, 0.5)]
    frames = [videos.square(path) * light.view(-1, 1, 1, 1) for path in paths for light in lights]
    return measured(torch.stack(frames))


@pytest.mark.parametrize(("static_clip_prob", "pause_prob"), [(0, 0), (1, 0), (0, 1), (0.3, 0.3)])
def test_the_cues_are_those_of_the_new_pixels(clips, static_clip_prob, pause_prob):
    new = repeat_frames(clips, static_clip_prob, pause_prob, torch.Generator().manual_seed(0))
    expected = measured(rearrange(new.latents, "b c f h w -> b f h w c"))
    assert torch.equal(new.motion.long(), expected.motion.long())
    assert torch.allclose(new.appearance, expected.appearance, atol=1e-5)
    assert new.captions == clips.captions


def test_the_probabilities_are_fractions_of_the_clips(clips):
    generator = torch.Generator().manual_seed(0)
    many = [repeat_frames(clips, 0.25, 0.25, generator) for _ in range(20)]
    moves = (clips.motion > 0).any(dim=1)
    still = torch.cat([(new.motion == 0).all(dim=1) for new in many])[moves.repeat(20)]
    same = torch.cat([(new.latents == clips.latents).flatten(1).all(dim=1) for new in many])[moves.repeat(20)]
    assert 0.2 < still.float().mean() < 0.35  # a clip with pauses may also never move
    assert 0.45 < same.float().mean() < 0.6  # or never pause


def test_a_clip_with_pauses_keeps_its_order(clips):
    new = repeat_frames(clips, 0, 1, torch.Generator().manual_seed(0))
    for before, after in zip(clips.latents.unbind(), new.latents.unbind(), strict=True):
        same = (before[:, :, None] == after[:, None]).flatten(3).all(3).all(0)  # frames of the clip x frames shown
        possible = {0}  # indices that the clip may be at: several where it stands still by itself
        assert same[0, 0]
        for time in range(1, same.shape[1]):
            possible = {i for at in possible for i in (at, at + 1) if i < len(same) and same[i, time]}
            assert possible, time
