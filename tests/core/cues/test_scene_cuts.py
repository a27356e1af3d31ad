"""Scene cuts: detected, not confused with other fast changes, and masked in the motion cue."""

import pytest
import torch

from higen_core import extract_cues
from higen_core.cues.scene_cuts import interpolate_steps

from ..videos import mean_color, square, textured


def scenes(frames=8):
    """Two scenes with little motion in each."""
    return torch.cat([torch.stack([textured(seed).roll(i, 1) for i in range(frames)]) for seed in (1, 2)])


def dissolve(steps):
    return torch.lerp(textured(1), textured(2), torch.linspace(0, 1, steps)[:, None, None, None])


def test_a_scene_cut_is_detected():
    cues = extract_cues(scenes(), mean_color)
    assert cues.cuts == (7,)
    assert cues.cut_seconds == (1.0,)
    assert cues.motion[7] > 2 * cues.motion[6]


def test_a_masked_cut_has_the_motion_of_the_steps_beside_it():
    unmasked, masked = (extract_cues(scenes(), mean_color, mask_cuts=mask) for mask in (False, True))
    assert masked.motion[7] == ((unmasked.motion[6] + unmasked.motion[8]).double() / 2).round()
    others = [i for i in range(15) if i != 7]
    assert torch.equal(masked.motion[others], unmasked.motion[others])
    assert torch.equal(masked.appearance, unmasked.appearance)
    assert masked.cuts == unmasked.cuts


def test_a_cut_between_the_sampled_frames_is_detected():
    cues = extract_cues(scenes(25), mean_color, frames=16, fps=8, source_fps=25, scale=2000)
    assert cues.cuts == (7,)
    assert cues.cut_seconds == (1.0,)
    assert int(cues.motion.argmax()) == 7


@pytest.mark.parametrize(
    "clip",
    [
        square(torch.arange(16) * 3),
        square(torch.tensor([0] * 8 + [6 * i for i in range(8)])),
        dissolve(5),
        torch.cat([scenes()[:4], torch.ones(1, 64, 64, 3), scenes()[4:8]]),
    ],
    ids=["fast motion", "sudden start", "dissolve", "flash"],
)
def test_other_fast_changes_are_not_cuts(clip):
    assert extract_cues(clip, mean_color).cuts == ()


def test_steps_are_interpolated_linearly_from_the_others():
    changes = torch.tensor([9.0, 1.0, 9.0, 9.0, 4.0, 9.0], dtype=torch.float64)
    assert interpolate_steps(changes, [0, 2, 3, 5]).tolist() == [1, 1, 2, 3, 4, 4]
    assert torch.equal(interpolate_steps(changes, []), changes)
    assert interpolate_steps(changes, range(6)).tolist() == [0] * 6
