"""Cached clips of sprites: files that grow in number, and files of pairs."""

import random

import pytest
import torch

from higen_core import load_clip, load_vae
from higen_core.cues.measures import measure_motion
from higen_core.train.data.clips import LatentEncoder
from higen_core.train.data.images import PixelEncoder
from higen_core.train.sprites.clips import FirstFrames, HeldOutClips, PairedClips, SpriteClips
from higen_core.train.sprites.scenes import MOTION_SCALE, caption_pair, is_held_out, render

from .. import tiny

CACHE = {"shard_frames": 64, "seed": 0}


def clips_of(folder, kind=SpriteClips, frames=16, encoder=None, **options):
    """Four clips of 16 frames in a file; their latents are pixels unless there is an encoder."""
    options = CACHE | {"shards": 4, "start": 100, "grow": 10} | options
    return kind(folder, encoder or PixelEncoder(), frames, **options)


def captions(clips):
    return {pair[0] for pair in clips.captions}


def test_clips_are_the_frames_and_captions_of_their_scenes(tmp_path):
    clips = clips_of(tmp_path)
    scenes, shard = clips.scenes(1), clips.shard(1)
    assert len(scenes) == len(shard) == 4
    for i, scene in enumerate(scenes):
        assert torch.equal(shard.latents[i], (render(scene).movedim(-1, 0) * 255).round().byte())
        assert shard.captions[i] == caption_pair(scene, f"0 1 {i}")


def test_cues_are_measured_on_the_frames(tmp_path):
    vae, clip = (tiny.networks(tmp_path) / name for name in ("vae.safetensors", "clip.safetensors"))
    clips = clips_of(tmp_path / "clips", encoder=LatentEncoder(load_vae(vae), load_clip(clip), MOTION_SCALE, 0.05))
    frames = torch.stack([render(scene) for scene in clips.scenes(0)])
    assert torch.equal(clips.shard(0).motion.long(), measure_motion(frames, MOTION_SCALE))


def test_one_more_file_is_drawn_from_every_few_steps(tmp_path):
    clips = clips_of(tmp_path)
    for step, files in ((0, 2), (109, 2), (110, 3), (120, 4), (1000, 4)):
        drawn = captions(clips.draw(200, step, random.Random(step)))
        assert drawn == set().union(*(captions(clips.shard(number)) for number in range(files)))
        assert len(list(tmp_path.glob("*.pt"))) == files


def test_the_same_seed_gives_the_same_clips_in_another_folder(tmp_path):
    first, second, reseeded = (
        clips_of(tmp_path / name, seed=seed).draw(3, 0, random.Random(0))
        for name, seed in zip("abc", (0, 0, 1), strict=True)
    )
    assert first.captions == second.captions != reseeded.captions
    assert torch.equal(first.latents, second.latents)


def test_first_frames_are_clips_of_one_frame(tmp_path):
    images = clips_of(tmp_path, FirstFrames, frames=1).draw(8, 0, random.Random(0))
    assert images.latents.shape == (8, 3, 1, 64, 64)


def test_clips_that_are_held_out_have_prompts_that_are_not_trained_on(tmp_path):
    clips = clips_of(tmp_path, HeldOutClips, shards=1)
    assert all(is_held_out(scene) for scene in clips.scenes(0))
    assert not any(is_held_out(scene) for scene in clips_of(tmp_path / "trained").scenes(0))
    assert captions(clips.draw(8, 0, random.Random(0))) <= captions(clips.shard(0))


def test_both_clips_of_a_pair_are_drawn_and_start_alike(tmp_path):
    pairs = clips_of(tmp_path, PairedClips, shard_frames=128, pair_types=("directions", "objects")).draw(
        20, 0, random.Random(0)
    )
    for first, second in zip(pairs.latents[::2], pairs.latents[1::2], strict=True):
        assert torch.equal(first[:, 0], second[:, 0])
        assert not torch.equal(first, second)


def test_captions_of_a_pair_are_phrased_alike(tmp_path):
    pairs = clips_of(tmp_path, PairedClips, shard_frames=128, pair_types=("amounts",)).draw(20, 0, random.Random(0))
    assert pairs.captions[::2] == pairs.captions[1::2]


def test_files_with_other_pairs_are_refused(tmp_path):
    clips_of(tmp_path, PairedClips, pair_types=("directions",))
    with pytest.raises(ValueError, match=r"were made with pair_types \['directions'\], now it is \['speeds'\]"):
        clips_of(tmp_path, PairedClips, pair_types=("speeds",))
