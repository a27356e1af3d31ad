"""Curves that are known by their values only, and curves from values that are not text."""

import numpy as np
import pytest
import torch

from higen_core.cues.cues import Cues
from higen_core.cues.curves import Curve, EvaluatedCurve

CURVE = Curve(((0.0, 0.1), (0.4, 0.9), (1.0, 0.2)))


def test_the_values_of_a_curve_give_the_cues_of_the_curve():
    evaluated = EvaluatedCurve(lambda x: CURVE.at(x).numpy())
    got, wanted = Cues.from_curves(evaluated, evaluated, 16), Cues.from_curves(CURVE, CURVE, 16)
    assert torch.equal(got.motion, wanted.motion)
    assert torch.equal(got.appearance, wanted.appearance)


@pytest.mark.parametrize(("height", "named"), [(1.5, "1.5"), (-0.25, "-0.25"), (np.nan, "nan"), (np.inf, "inf")])
def test_a_value_out_of_range_is_named_with_its_place(height, named):
    curve = EvaluatedCurve(lambda x: np.where(x == 0.5, height, 0.5), "wave")
    with pytest.raises(ValueError, match=f"wave must be in 0..1, got {named} at x = 0.5"):
        curve.at([0.0, 0.5, 1.0])


def test_rounding_beyond_the_range_is_cut_off():
    assert EvaluatedCurve(lambda x: np.array([-1e-9, 1 + 1e-9])).at([0, 1]).tolist() == [0, 1]


def test_another_number_of_values_is_refused():
    with pytest.raises(ValueError, match="wave must have one y for each of 3 x, got shape"):
        EvaluatedCurve(lambda x: x[:2], "wave").at([0.0, 0.5, 1.0])


POINTS = [(0.0, 0.1), [0.4, 0.9], (1.0, 0.2)]


@pytest.mark.parametrize("value", [POINTS, tuple(POINTS), {"points": POINTS}], ids=["list", "tuple", "dictionary"])
def test_points_without_interpolation_are_a_monotone_cubic(value):
    assert Curve.from_value(value) == CURVE


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (3, "3"),
        ("[[0, 0], [1, 1]]", r"\[\[0, 0\]"),
        ({"points": 3}, "points"),
        ([], "at least one point"),
        ([0.0, 1.0], "point 0 must be a pair"),
        ([(0, 0), (1, 1, 1)], "point 1 must be a pair"),
        ([(0, 0), (1, 2)], "y of curve point 1"),
        ([(1, 0), (0, 1)], "rising x"),
        ({"points": POINTS, "interpolation": "wavy"}, "wavy"),
        ({"points": POINTS, "color": 1, 2: 3}, "2"),
    ],
)
def test_a_malformed_value_is_refused_and_named(value, named):
    with pytest.raises(ValueError, match=named):
        Curve.from_value(value)
