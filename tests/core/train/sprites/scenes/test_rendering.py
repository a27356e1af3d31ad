"""Renders show what the scene says, where it says it."""

import random

import pytest
import torch

from higen_core.train.sprites.evaluation.template_matching import match_frame
from higen_core.train.sprites.scenes import PROFILES, Scene, path, render, sample_scene


def test_the_same_seed_gives_the_same_clip():
    first, second = (render(sample_scene(random.Random(3))) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (16, 64, 64, 3)
    assert 0 <= first.min() < first.max() <= 1


@pytest.mark.parametrize(
    ("direction", "sign"), [("right", (1, 0)), ("left", (-1, 0)), ("down", (0, 1)), ("up", (0, -1))]
)
def test_directions_are_those_of_the_screen(direction, sign):
    clip = render(Scene("apple", "blue", motion="move", direction=direction, speed=1.0))
    first, last = match_frame(clip[0]).center, match_frame(clip[-1]).center
    displacement = [round(b - a) for a, b in zip(first, last, strict=True)]
    assert displacement == [15 * s for s in sign]


def test_still_scenes_are_still_and_a_change_of_appearance_does_not_move():
    still = render(Scene("cat", "pink"))
    assert (still == still[0]).all()
    fading = render(Scene("cat", "pink", change="fade", target="blue"))
    assert {match_frame(frame).center for frame in (fading[0], fading[-1])} == {match_frame(still[0]).center}


def test_turning_ends_as_the_target():
    clip = render(Scene("cat", "white", change="turn", target="pumpkin"))
    assert [match_frame(clip[i]).object for i in (0, -1)] == ["cat", "pumpkin"]


def test_night_changes_the_background_only():
    clip = render(Scene("panda", "yellow", change="night"))
    assert clip[-1, 0, 0].mean() < 0.25 < clip[0, 0, 0].mean()
    assert torch.allclose(clip[0, 32, 32], clip[-1, 32, 32], atol=0.02)


def test_a_change_may_take_a_part_of_the_clip_only():
    clip = render(Scene("cat", "white", change="turn", target="pumpkin", span=(0.2, 0.6)))
    assert (clip[:3] == clip[0]).all()
    assert not torch.equal(clip[4], clip[8])
    assert (clip[10:] == clip[-1]).all()
    assert match_frame(clip[9]).object == "pumpkin"


def test_speed_profiles_have_the_same_mean_speed():
    distances = []
    for profile in PROFILES:
        centers = path(Scene("car", "gray", motion="move", speed=1.0, profile=profile, start=(20.0, 32.0)), 16)
        distances.append(float(centers[-1, 0] - centers[0, 0]))
    assert distances == pytest.approx([15.0] * len(distances), abs=1e-3)


def test_a_sprite_turns_round_at_the_wall():
    centers = path(Scene("car", "gray", motion="bounce", direction="right", speed=4.0, size=30.0), 16)
    assert centers[:, 0].max() <= 64 - 15
    assert centers[:, 0].min() >= 15
    assert len(centers[:, 0].diff().sign().unique()) == 2
