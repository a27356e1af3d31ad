"""Cues with a mask: where they hold, and what reaches the denoiser of it."""

import pytest
import torch

from higen_core import Cues, blend_cues, resample_cues
from higen_core.cues.cues import NULL_APPEARANCE


def left(frames=1, height=4, width=8):
    mask = torch.zeros(frames, height, width)
    mask[..., : width // 2] = 1
    return mask


def test_the_rest_of_the_image_is_still_by_default():
    cues = Cues.constant(6, 300, 0.5).masked(left())
    assert cues.outside.motion.tolist() == [0] * 5
    assert (cues.outside.appearance == 1).all()
    assert cues.still_outside
    assert not Cues.constant(6, 300, 0.5).masked(left(), Cues.constant(6, 10, 0.0)).still_outside
    assert not Cues.constant(6, 300, 0.5).masked(left(), Cues.constant(6, 0, 0.1)).still_outside


def test_cues_outside_are_stretched_to_the_length():
    cues = Cues.constant(6, 300).masked(left()[0], Cues.constant(11, 100, 0.5))
    assert cues.outside.motion.tolist() == [100] * 5


@pytest.mark.parametrize("size", [(4, 8), (2, 4), (64, 128), (5, 3)])
def test_a_mask_of_any_size_is_resized_and_one_of_ones_stays_so(size):
    cues = Cues.constant(6, 300)
    assert cues.masked(torch.ones(1, *size)).sized(4, 8).mask.equal(torch.ones(6, 4, 8))
    if size[0] % 2 == 0:
        assert cues.masked(left(1, *size)).sized(4, 8).mask.equal(left(6))


def test_the_denoiser_gets_both_cues_and_the_mask():
    cues = Cues.constant(6, 300, 0.5).masked(left(6), Cues.constant(6, 100, 0.25))
    conditions = cues.conditions(4, 8)
    assert conditions["motion"].tolist() == [300] * 5
    assert conditions["outside_motion"].tolist() == [100] * 5
    assert conditions["appearance"].equal(cues.rows())
    assert conditions["outside_appearance"].equal(cues.outside.rows())
    assert conditions["mask"].equal(left(6))
    null = cues.conditions(4, 8, null_appearance=True)
    assert null["appearance"].eq(NULL_APPEARANCE).all()
    assert null["outside_appearance"].eq(NULL_APPEARANCE).all()
    assert null["motion"].equal(conditions["motion"])
    assert Cues.constant(6).conditions(4, 8).keys() == {"motion", "appearance"}


def test_noise_is_correlated_by_the_motion_of_each_position():
    mask = left(3)
    mask[2] = 0  # the brush moves away: half of the motion in the step before
    motion = Cues.constant(3, 300).masked(mask, Cues.constant(3, 100)).motion_map(4, 8)
    assert motion.shape == (2, 4, 8)
    assert motion[0, 0].tolist() == [300] * 4 + [100] * 4
    assert motion[1, 0].tolist() == [200] * 4 + [100] * 4


def test_frames_are_selected_with_their_mask():
    mask = torch.arange(6.0).view(6, 1, 1).expand(6, 4, 8) / 10
    selected = Cues.constant(6, 300).masked(mask).select([4, 1])
    assert selected.mask.equal(mask[[4, 1]])
    assert selected.outside.frames == 2
    assert Cues.constant(6, 300).masked(left()).select([4, 1]).mask.equal(left())
    assert Cues.constant(6, 300).masked(mask).select([3]).mask.equal(mask[[3]])


def test_an_area_crops_the_mask():
    assert Cues.constant(6).masked(left()).cropped(1, 2, 3, 4).mask.equal(left()[:, 1:4, 2:6])


def test_resampled_and_blended_cues_keep_the_mask():
    mask = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1).expand(3, 4, 8)
    cues = Cues.constant(3, 300).masked(mask)
    assert resample_cues(cues, 5).mask[:, 0, 0].tolist() == [0, 0, 0.5, 1, 1]
    assert resample_cues(cues, 5).outside.frames == 5
    assert blend_cues(cues, Cues.constant(9, 100)).mask.equal(mask)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda cues: cues.masked(torch.ones(4, 2, 2)), r"mask must be .* one for each of 6 frames, got .*\(4, 2, 2\)"),
        (lambda cues: cues.masked(torch.ones(1, 1, 2, 2)), r"mask must be .*got shape \(1, 1, 2, 2\)"),
        (lambda cues: cues.masked(2 * torch.ones(2, 2)), r"mask must lie in 0..1, got 2..2"),
        (lambda cues: cues.masked(torch.nan * torch.ones(2, 2)), r"mask must lie in 0..1"),
        (lambda cues: cues.masked(torch.ones(2, 2)).masked(torch.ones(2, 2)), "these cues have a mask already"),
        (lambda cues: cues.masked(torch.ones(2, 2), cues.masked(torch.ones(2, 2))), "outside have a mask already"),
        (lambda cues: Cues(cues.motion, cues.appearance, mask=torch.ones(1, 2, 2)), "mask and outside belong together"),
        (
            lambda cues: Cues(cues.motion, cues.appearance, mask=torch.ones(1, 2, 2), outside=Cues.constant(5)),
            "outside must be cues of 6 frames without a mask, got 5 frames",
        ),
    ],
)
def test_masks_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(Cues.constant(6))
