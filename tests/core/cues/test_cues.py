"""Cues: the released defaults, and properties that hold for all curves and numbers of frames."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from higen_core import Cues, ModelInfo
from higen_core.cues.cues import NULL_APPEARANCE, NULL_MOTION
from higen_core.cues.curves import Curve
from higen_core.models.config import SamplingConfig

from .. import golden

frame_counts = st.integers(2, 48)
unit = st.floats(0, 1)


@pytest.mark.parametrize("frames", [16, 32])
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0])
def test_default_appearance_is_the_released_one(frames, factor):
    appearance = Cues.constant(frames=frames, appearance=factor).appearance
    assert golden.max_error(appearance, golden.cases("diffusion_cases")[f"appearance_{frames}_{factor}"]) <= 1e-6


@given(frame_counts, st.integers(0, 1000), unit)
def test_constant_cues_equal_those_of_constant_curves(frames, motion, factor):
    constant = Cues.constant(frames, motion, factor)
    drawn = Cues.from_curves(Curve.constant(motion / 1000), Curve.constant(factor), frames)
    assert torch.equal(constant.motion, drawn.motion)
    torch.testing.assert_close(constant.appearance, drawn.appearance, atol=1e-6, rtol=0)


@given(frame_counts, st.lists(unit, min_size=2, max_size=6), st.lists(unit, min_size=2, max_size=6))
def test_cues_of_curves_are_valid_and_symmetric(frames, motion, appearance):
    def curve(values):
        return Curve(tuple((i / (len(values) - 1), y) for i, y in enumerate(values)))

    cues = Cues.from_curves(curve(motion), curve(appearance), frames)
    assert cues.frames == frames
    assert torch.equal(cues.appearance, cues.appearance.T)
    assert (cues.appearance.diagonal() == 1).all()


@given(frame_counts, unit)
def test_the_denoiser_s_rows_have_32_entries_at_any_length(frames, factor):
    cues = Cues.constant(frames, appearance=factor)
    rows = cues.rows()
    assert rows.shape == (frames, 32)
    torch.testing.assert_close(rows[:, [0, -1]], cues.appearance[:, [0, -1]], atol=1e-5, rtol=0)


def test_null_cues_are_null_in_every_entry():
    cues = Cues.null(5)
    assert cues.motion.tolist() == [NULL_MOTION] * 4
    assert (cues.appearance == NULL_APPEARANCE).all()
    assert (cues.rows() == NULL_APPEARANCE).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cues.constant(16, motion=1001), "motion must be between 0 and 1000, got 1001"),
        (lambda: Cues.constant(16, appearance=-0.1), "appearance must be between 0 and 1, got -0.1"),
        (lambda: Cues.constant(1), "at least 2 frames, got 1"),
        (lambda: Cues(torch.zeros(3), torch.ones(4, 4)), "integers"),
        (lambda: Cues(torch.zeros(3, dtype=torch.bool), torch.ones(4, 4)), "integers"),
        (lambda: Cues(torch.zeros(3, dtype=torch.long), torch.ones(5, 5)), "motion must be 4 integers for 5 frames"),
        (lambda: Cues(torch.zeros(3, dtype=torch.long), 2 * torch.ones(4, 4)), "appearance must lie in 0..1"),
    ],
)
def test_invalid_cues_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_selected_frames_keep_their_cues():
    cues = Cues(torch.tensor([10, 200, 900, NULL_MOTION, 40]), torch.rand(6, 6).fill_diagonal_(1))
    neighbors = cues.select([1, 2, 3])
    assert neighbors.motion.tolist() == [200, 900]
    assert torch.equal(neighbors.appearance, cues.appearance[1:4, 1:4])
    assert cues.select([0, 2]).motion.tolist() == [210]  # the steps in between
    assert cues.select([1, 3]).motion.tolist() == [1000]  # but at most 1000
    assert cues.select([2, 5]).motion.tolist() == [NULL_MOTION]
    assert cues.select([4]).motion.tolist() == []


def test_the_step_back_of_a_loop_has_the_mean_motion():
    cues = Cues(torch.tensor([10, 20, 60]), torch.ones(4, 4))
    assert cues.select([2, 3, 0]).motion.tolist() == [60, 30]


def test_the_recommended_cues_are_constant_and_as_long_as_the_training_clips():
    info = ModelInfo(frames=5, sampling=SamplingConfig(motion=300, appearance=0.2))
    cues, expected = Cues.recommended(info), Cues.constant(5, 300, 0.2)
    assert torch.equal(cues.motion, expected.motion)
    assert torch.equal(cues.appearance, expected.appearance)


def test_a_loop_has_its_appearance_around_the_shorter_way():
    cues = Cues.constant(6, motion=100, appearance=1.0)
    around = torch.tensor([0, 1, 2, 3, 2, 1])
    torch.testing.assert_close(cues.looped().appearance[0], 1 - around / 5)
    assert cues.looped().motion.equal(cues.motion)
    assert Cues.null(6).looped().appearance.equal(Cues.null(6).appearance)
    drawn = Cues.from_curves(Curve.constant(0.5), Curve(((0, 0), (1, 1))), 9).looped().appearance
    assert drawn.equal(drawn.T) and (drawn.diagonal() == 1).all()
