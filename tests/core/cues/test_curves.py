"""Curves: the cases that JavaScript is tested with too, and properties that hold for every curve."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from higen_core.cues import curves
from higen_core.cues.curves import Curve

from ..peak import LiveBytes

CASES = json.loads((Path(__file__).parents[2] / "data" / "curve_cases.json").read_text())
unit = st.floats(0, 1)


def curve_of(case):
    return Curve(tuple(map(tuple, case["points"])), case["interpolation"])


def with_ids(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("case", with_ids(CASES["heights"]))
def test_values_at_positions(case):
    x, y = torch.tensor(case["at"], dtype=torch.float64).T
    torch.testing.assert_close(curve_of(case).at(x), y, rtol=0, atol=1e-9)


@pytest.mark.parametrize("case", with_ids(CASES["motion"]))
def test_motion_values(case):
    assert curves.motion_values(curve_of(case), case["frames"]).tolist() == case["values"]


@pytest.mark.parametrize("case", with_ids(CASES["appearance"]))
def test_appearance_factors(case):
    values = torch.tensor(case["values"], dtype=torch.float64)
    factors = curves.appearance_factors(curve_of(case), case["frames"])
    torch.testing.assert_close(factors, values, rtol=0, atol=1e-9)


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["text"])
def test_malformed_text_is_refused_and_the_offending_value_named(case):
    with pytest.raises(ValueError) as error:
        Curve.from_json(case["text"])
    assert case["names"] in str(error.value)


@pytest.mark.parametrize("case", with_ids(CASES["heights"]))
def test_json_round_trip(case):
    assert Curve.from_json(curve_of(case).to_json()) == curve_of(case)


NESTED = {"list": "[" * 100_000 + "]" * 100_000, "object": '{"points":' * 100_000 + "1" + "}" * 100_000}
HUGE = "1" + "0" * 400


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f'{{"points": [[0, {HUGE}]]}}', id="huge y"),
        pytest.param(f'{{"points": [[-{HUGE}, 0.5]]}}', id="huge negative x"),
        pytest.param('{"points": [[0, 1' + "0" * 10_000 + "]]}", id="more digits than Python converts"),
        pytest.param('{"points": [[0, 1e999]]}', id="infinite y"),
        pytest.param(NESTED["list"], id="nested lists"),
        pytest.param(NESTED["object"], id="nested objects"),
        pytest.param(f'{{"points": [{NESTED["list"]}]}}', id="nested point"),
        pytest.param(f'{{"points": [[0, 0.5]], "interpolation": {NESTED["list"]}}}', id="nested interpolation"),
        pytest.param(f'{{"points": [[0, {"[" * 500 + "]" * 500}]]}}', id="long y"),
        pytest.param(f'{{"points": [[0, 0.5]], "interpolation": {[0] * 500}}}', id="long interpolation"),
        *(None, 3, b"{}", {"points": [[0, 0.5]]}),
    ],
)
def test_hostile_input_is_a_value_error(text):
    with pytest.raises(ValueError, match="curve") as error:
        Curve.from_json(text)
    assert len(str(error.value)) < 500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
numbers = st.floats() | st.integers() | st.floats(0, 1)
almost_curves = st.fixed_dictionaries(
    {"points": st.lists(st.lists(numbers, min_size=1, max_size=3) | json_values, max_size=4) | json_values},
    optional={"interpolation": st.sampled_from(curves.INTERPOLATIONS) | json_values, "extra": json_values},
)


@given(st.text() | st.binary() | json_values | json_values.map(json.dumps) | almost_curves.map(json.dumps))
def test_any_input_is_a_curve_or_a_value_error(text):
    try:
        curve = Curve.from_json(text)
    except ValueError:
        return
    assert Curve.from_json(curve.to_json()) == curve


@st.composite
def smooth_curves(draw):
    xs = sorted(draw(st.sets(st.integers(0, 1000), min_size=2, max_size=12)))
    return Curve(tuple((x / 1000, draw(unit)) for x in xs))


@given(smooth_curves())
def test_a_smooth_curve_stays_between_its_points(curve):
    for (x0, y0), (x1, y1) in zip(curve.points, curve.points[1:], strict=False):
        y = curve.at(torch.linspace(x0, x1, 21, dtype=torch.float64))
        assert y.min() >= min(y0, y1) - 1e-9
        assert y.max() <= max(y0, y1) + 1e-9


@given(smooth_curves())
def test_a_smooth_curve_is_monotone_between_its_points(curve):
    for (x0, y0), (x1, y1) in zip(curve.points, curve.points[1:], strict=False):
        steps = curve.at(torch.linspace(x0, x1, 21, dtype=torch.float64)).diff()
        assert (steps * (1 if y1 > y0 else -1) >= -1e-9).all()


@given(smooth_curves())
def test_every_curve_passes_through_its_points(curve):
    x, y = torch.tensor(curve.points, dtype=torch.float64).T
    torch.testing.assert_close(curve.at(x), y, rtol=0, atol=1e-12)


def test_constant_factors_give_the_default_appearance():
    position = torch.arange(8) / 7
    expected = 1 - 0.6 * (position[:, None] - position).abs()
    factors = curves.appearance_factors(Curve.constant(0.6), 8)
    torch.testing.assert_close(curves.appearance_matrix(factors), expected)


@given(st.lists(unit, min_size=2, max_size=12))
def test_appearance_is_symmetric_with_a_diagonal_of_ones(factors):
    a = curves.appearance_matrix(torch.tensor(factors))
    assert torch.equal(a, a.T)
    assert torch.equal(a.diagonal(), torch.ones(len(factors)))
    assert ((0 <= a) & (a <= 1)).all()


@given(st.lists(unit, min_size=3, max_size=32))
def test_fitted_factors_invert_the_matrix(factors):
    factors = torch.tensor(factors, dtype=torch.float64)
    torch.testing.assert_close(curves.fit_factors(curves.appearance_matrix(factors)), factors, rtol=0, atol=1e-3)


def test_fitted_factors_are_those_of_least_squares():
    """Compared with the plain system, an equation for each pair of frames."""
    for frames in (2, 3, 5, 16):
        noise = torch.rand(frames, frames, generator=torch.Generator().manual_seed(frames), dtype=torch.float64)
        measured = (1 - 0.5 * (noise + noise.T)).fill_diagonal_(1)
        i, j = torch.triu_indices(frames, frames, offset=1)
        half = (j - i).double()[:, None] / (frames - 1) / 2
        system = half * (torch.eye(frames)[i] + torch.eye(frames)[j])
        expected = torch.linalg.lstsq(system, 1 - measured[i, j][:, None], driver="gelsd").solution[:, 0]
        torch.testing.assert_close(curves.fit_factors(measured), expected.clamp(0, 1), rtol=0, atol=1e-9)


def test_fitting_takes_memory_in_proportion_to_the_matrix():
    appearance = curves.appearance_matrix(torch.rand(512, generator=torch.Generator().manual_seed(0)))
    with LiveBytes(torch.nn.Identity()) as memory:
        curves.fit_factors(appearance)
    assert memory.peak < 16 * 8 * appearance.numel()


@pytest.mark.parametrize("frames", [-1, 0, 1])
def test_too_few_frames_are_refused(frames):
    with pytest.raises(ValueError, match=f"at least 2 frames, got {frames}"):
        curves.motion_values(Curve.constant(0.5), frames)
