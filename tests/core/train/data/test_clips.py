"""Clips as they are cached, and what is measured on images for the metadata of weights."""

import pytest
import torch

from higen_core import load_clip, load_vae
from higen_core.train.data.clips import Clips, collate, measure_similarity_floor, open_cache, read_clips, rgb_factors

from ... import videos


def some_clips(count: int, frames: int = 4) -> Clips:
    generator = torch.Generator().manual_seed(count)
    return Clips(
        torch.randn(count, 4, frames, 2, 2, generator=generator).half(),
        torch.randint(1000, (count, frames - 1), generator=generator).short(),
        torch.rand(count, frames, frames, generator=generator).half(),
        [(f"clip {i}", f"clip {i} of {count}") for i in range(count)],
        torch.randn(count, 2, 3, 5, generator=generator).half(),
    )


def test_clips_come_back_from_their_file(tmp_path):
    clips = some_clips(3)
    clips.write(tmp_path / "a.pt")
    loaded = read_clips(tmp_path / "a.pt")
    assert loaded.captions == clips.captions
    for name in ("latents", "motion", "appearance", "text"):
        assert torch.equal(getattr(loaded, name), getattr(clips, name))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_clips_are_collated_by_their_indices():
    first, second = some_clips(2), some_clips(3)
    clips = collate([(second, 2), (first, 0)])
    assert clips.captions == [("clip 2", "clip 2 of 3"), ("clip 0", "clip 0 of 2")]
    assert torch.equal(clips.latents, torch.stack([second.latents[2], first.latents[0]]))
    assert torch.equal(clips.motion, torch.stack([second.motion[2], first.motion[0]]))


def test_a_cache_with_other_settings_is_refused(tmp_path):
    open_cache(tmp_path / "cache", {"frames": 4, "seed": 0})
    open_cache(tmp_path / "cache", {"frames": 4})
    with pytest.raises(ValueError, match="were made with seed 0, now it is 1: delete that folder or choose another"):
        open_cache(tmp_path / "cache", {"frames": 4, "seed": 1})
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["made_with.json"]


def test_the_similarity_floor_is_that_of_unlike_images():
    images = torch.stack([videos.textured(seed) for seed in range(6)])
    floor = measure_similarity_floor(load_clip("mini"), images)
    assert -1 < floor < 0.9
    assert measure_similarity_floor(load_clip("mini"), images[:1].repeat(3, 1, 1, 1)) == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match="similarity_floor has to be set"):
        measure_similarity_floor(load_clip("mini"), images[:1])


def test_the_map_from_latents_to_colors_shows_the_images():
    images = torch.stack([videos.textured(seed) for seed in range(16)])
    vae = load_vae("mini")
    factors = rgb_factors(vae, images)
    latents = vae.encode(images.movedim(-1, 1) * 2 - 1)
    colors = latents.movedim(1, -1) @ torch.tensor(factors["rgb_factors"]) + torch.tensor(factors["rgb_bias"])
    expected = torch.nn.functional.avg_pool2d(images.movedim(-1, 1) * 2 - 1, 8).movedim(1, -1)
    assert (colors - expected).square().mean() < 0.2 * expected.var()
