"""Cues resampled to another number of frames, and blended by strength."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from higen_core import Cues, blend_cues, resample_cues
from higen_core.cues.curves import Curve

frame_counts = st.integers(2, 40)
unit = st.floats(0, 1)


def drawn(frames, motion, appearance):
    return Cues.from_curves(Curve(((0.0, motion), (1.0, 1 - motion))), Curve.constant(appearance), frames)


def same(a: Cues, b: Cues) -> bool:
    return torch.equal(a.motion, b.motion) and torch.equal(a.appearance, b.appearance)


@given(frame_counts, frame_counts, unit, unit)
def test_resampling_keeps_the_ends_and_the_range(before, after, motion, appearance):
    cues = drawn(before, motion, appearance)
    resampled = resample_cues(cues, after)
    assert resampled.frames == after
    assert cues.motion.min() - 1 <= resampled.motion.min() <= resampled.motion.max() <= cues.motion.max() + 1
    assert float(resampled.appearance[0, -1]) == pytest.approx(float(cues.appearance[0, -1]), abs=1e-5)
    assert torch.equal(resampled.appearance.diagonal(), torch.ones(after))


@given(frame_counts, frame_counts, st.integers(0, 1000))
def test_constant_motion_stays_constant_at_any_length(before, after, motion):
    assert (resample_cues(Cues.constant(before, motion), after).motion == motion).all()


@given(frame_counts, frame_counts, unit)
def test_a_constant_appearance_factor_stays_the_same_at_any_length(before, after, factor):
    """a_ij = 1 - factor |i - j| / (f - 1), except at its peak, which may fall between two frames."""
    resampled = resample_cues(Cues.constant(before, appearance=factor), after).appearance
    expected = Cues.constant(after, appearance=factor).appearance
    torch.testing.assert_close(resampled, expected, atol=factor / (before - 1) + 1e-5, rtol=0)


def test_strength_interpolates_between_the_cues():
    low, high = Cues.constant(8, 100, 0.0), Cues.constant(8, 900, 1.0)
    assert same(blend_cues(low), low)
    assert same(blend_cues(low, high, high, motion_strength=0, appearance_strength=0), low)
    assert same(blend_cues(low, high, high), high)
    halfway = blend_cues(low, high, high, motion_strength=0.5, appearance_strength=0.5)
    assert (halfway.motion == 500).all()
    torch.testing.assert_close(halfway.appearance, Cues.constant(8, appearance=0.5).appearance)


def test_motion_and_appearance_may_come_from_different_clips():
    a, b = drawn(8, 0.9, 0.2), drawn(12, 0.1, 0.8)
    mixed = blend_cues(Cues.constant(8), motion_from=a, appearance_from=b)
    assert torch.equal(mixed.motion, a.motion)
    assert torch.equal(mixed.appearance, resample_cues(b, 8).appearance)


def test_invalid_arguments_are_refused():
    cues = Cues.constant(8)
    with pytest.raises(ValueError, match="motion_strength must be between 0 and 1, got 2"):
        blend_cues(cues, cues, motion_strength=2)
    with pytest.raises(ValueError, match="appearance_strength must be between 0 and 1, got -1"):
        blend_cues(cues, appearance_from=cues, appearance_strength=-1)
    with pytest.raises(ValueError, match="at least 2 frames, got 1"):
        resample_cues(cues, 1)


@pytest.mark.parametrize("name", ["motion_from", "appearance_from"])
def test_cues_with_a_mask_are_refused_by_name(name):
    painted = replace(Cues.constant(4), mask=torch.ones(1, 8, 8), outside=Cues.constant(4, motion=0))
    with pytest.raises(ValueError, match=f"{name} must be cues without a mask"):
        blend_cues(Cues.constant(4), **{name: painted})


@pytest.mark.parametrize("name", ["motion_from", "appearance_from"])
def test_cues_of_a_single_frame_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} must be cues of at least 2 frames, got 1"):
        blend_cues(Cues.constant(4), **{name: Cues.null(1)})
