"""Curves: the shared cases, and properties that hold for every curve."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from higen_core import curves
from higen_core.curves import Curve

CASES = json.loads((Path(__file__).parents[1] / "data" / "curve_cases.json").read_text())
unit = st.floats(0, 1)


def curve_of(case):
    return Curve(tuple(map(tuple, case["points"])), case["interpolation"])


def named(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("case", named(CASES["heights"]))
def test_heights(case):
    x, y = torch.tensor(case["at"], dtype=torch.float64).T
    torch.testing.assert_close(curve_of(case).at(x), y, rtol=0, atol=1e-9)


@pytest.mark.parametrize("case", named(CASES["motion"]))
def test_motion_values(case):
    assert curves.motion_values(curve_of(case), case["frames"]).tolist() == case["values"]


@pytest.mark.parametrize("case", named(CASES["appearance"]))
def test_appearance_factors(case):
    values = torch.tensor(case["values"], dtype=torch.float64)
    got = curves.appearance_factors(curve_of(case), case["frames"])
    torch.testing.assert_close(got, values, rtol=0, atol=1e-9)


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["text"])
def test_refused_with_the_offending_value(case):
    with pytest.raises(ValueError) as error:
        Curve.from_json(case["text"])
    assert case["names"] in str(error.value)


@pytest.mark.parametrize("case", named(CASES["heights"]))
def test_json_reads_back_the_same(case):
    assert Curve.from_json(curve_of(case).to_json()) == curve_of(case)


@st.composite
def smooth_curves(draw):
    xs = sorted(draw(st.sets(st.integers(0, 1000), min_size=2, max_size=12)))
    return Curve(tuple((x / 1000, draw(unit)) for x in xs))


@given(smooth_curves())
def test_a_smooth_curve_stays_between_neighbouring_points(curve):
    for (x0, y0), (x1, y1) in zip(curve.points, curve.points[1:], strict=False):
        y = curve.at(torch.linspace(x0, x1, 21, dtype=torch.float64))
        assert y.min() >= min(y0, y1) - 1e-9
        assert y.max() <= max(y0, y1) + 1e-9


@given(smooth_curves())
def test_a_smooth_curve_never_turns_back_between_points(curve):
    for (x0, y0), (x1, y1) in zip(curve.points, curve.points[1:], strict=False):
        steps = curve.at(torch.linspace(x0, x1, 21, dtype=torch.float64)).diff()
        assert (steps * (1 if y1 > y0 else -1) >= -1e-9).all()


@given(smooth_curves())
def test_every_curve_passes_through_its_points(curve):
    x, y = torch.tensor(curve.points, dtype=torch.float64).T
    torch.testing.assert_close(curve.at(x), y, rtol=0, atol=1e-12)


def test_constant_factors_give_the_default_appearance():
    position = torch.arange(8) / 7
    wanted = 1 - 0.6 * (position[:, None] - position).abs()
    factors = curves.appearance_factors(Curve.constant(0.6), 8)
    torch.testing.assert_close(curves.appearance_matrix(factors), wanted)


@given(st.lists(unit, min_size=2, max_size=12))
def test_appearance_is_symmetric_with_a_diagonal_of_ones(factors):
    a = curves.appearance_matrix(torch.tensor(factors))
    assert torch.equal(a, a.T)
    assert torch.equal(a.diagonal(), torch.ones(len(factors)))
    assert ((0 <= a) & (a <= 1)).all()


@given(st.lists(unit, min_size=3, max_size=32))
def test_fitted_factors_undo_the_matrix(factors):
    factors = torch.tensor(factors, dtype=torch.float64)
    torch.testing.assert_close(curves.fit_factors(curves.appearance_matrix(factors)), factors, rtol=0, atol=1e-3)


@pytest.mark.parametrize("frames", [-1, 0, 1])
def test_too_few_frames_are_named(frames):
    with pytest.raises(ValueError, match=f"at least 2 frames, got {frames}"):
        curves.motion_values(Curve.constant(0.5), frames)
