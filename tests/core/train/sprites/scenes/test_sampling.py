"""Random scenes: the held-out split, room for their motions, and the random streams that mini was trained on."""

import math
import random
import zlib
from dataclasses import replace

import pytest

from higen_core.train.sprites.scenes import (
    FRAMES,
    caption,
    caption_pair,
    is_held_out,
    path,
    sample_content,
    sample_first_frame,
    sample_scene,
)


def test_held_out_combinations_never_occur_in_training():
    rng = random.Random(0)
    assert not any(is_held_out(sample_scene(rng)) for _ in range(50))
    assert all(is_held_out(sample_scene(rng, held_out=True)) for _ in range(10))


def test_first_frames_leave_room_for_fast_motions():
    rng = random.Random(0)
    scenes = [scene for scene in (sample_first_frame(rng) for _ in range(200)) if scene.motion == "move"]
    assert len(scenes) > 50
    for scene in scenes:
        end = path(replace(scene, profile="constant", speed=12 / 15), FRAMES)[-1]
        assert math.dist(scene.start, end) == pytest.approx(12, abs=0.01)  # no wall in between


def test_a_seed_gives_the_captions_that_mini_was_trained_on():
    """The checksum is of the version that trained the shipped weights."""
    rng, captions = random.Random("streams"), []
    for i in range(100):
        scene = sample_content(rng)
        captions += [caption(scene, rng), *caption_pair(scene, str(i))]
    assert zlib.crc32("\n".join(captions).encode()) == 2912533099
