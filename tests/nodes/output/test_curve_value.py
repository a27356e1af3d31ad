"""Curves on links: HiGen Cue Schedule takes those of ComfyUI's Curve Editor, and gives its own to other nodes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from higen_pack.higen_core.cues.curves import Curve
from higen_pack.nodes.cue_schedule import HiGenCueSchedule
from higen_pack.nodes.output.curve_value import CurveValue, StockCurve

needs_curves = pytest.mark.skipif(StockCurve is object, reason="this ComfyUI has no Curve Editor")
POINTS = ((0.0, 0.1), (0.37, 0.9), (1.0, 0.2))
RISING = '{"points": [[0, 0], [1, 1]], "interpolation": "linear"}'
XS = np.linspace(0, 1, 101)


def schedule(**inputs):
    """(cues, plot, motion curve, appearance curve)"""
    node = type("Node", (HiGenCueSchedule,), {"hidden": SimpleNamespace(unique_id="1")})
    return node.make_cues(**({"frames": 16, "motion": 500, "appearance": 1.0} | inputs)).result


def same(cues, others):
    return torch.equal(cues.motion, others.motion) and torch.equal(cues.appearance, others.appearance)


class FromAnotherPack:
    """A curve that has nothing but its values."""

    def interp_array(self, xs):
        return CurveValue(Curve(POINTS)).interp_array(xs)


@pytest.fixture(
    params=[list(POINTS), {"points": POINTS}, {"points": POINTS, "interpolation": "linear"}, FromAnotherPack()],
    ids=["points", "dictionary", "linear", "object"],
)
def connected(request):
    return request.param


@pytest.mark.parametrize("cue", ["motion", "appearance"])
def test_a_connected_curve_takes_the_place_of_the_drawn_one(connected, cue):
    interpolation = connected.get("interpolation") if isinstance(connected, dict) else None
    text = Curve(POINTS, interpolation or "monotone_cubic").to_json()
    got, *_ = schedule(**{f"{cue}_curve": RISING, f"{cue}_curve_from": connected})
    wanted, *_ = schedule(**{f"{cue}_curve": text})
    assert same(got, wanted)
    assert not same(got, schedule(**{f"{cue}_curve": RISING})[0])


def test_other_cues_are_blended_with_the_connected_curve():
    other, *_ = schedule(motion=1000)
    got, *_ = schedule(motion_curve_from=[(0, 0.0), (1, 0.0)], motion_from=other, motion_strength=0.25)
    assert got.motion.tolist() == [250] * 15


@pytest.mark.parametrize("interpolation", ["monotone_cubic", "linear", "step"])
def test_the_curves_come_out_as_they_are_drawn(interpolation):
    drawn = Curve(POINTS, interpolation)
    _, _, motion, appearance = schedule(motion_curve=drawn.to_json(), appearance=0.3)
    assert motion.points == list(POINTS)
    np.testing.assert_array_equal(motion.interp_array(XS), drawn.at(XS).numpy())
    assert motion.interp(0.37) == pytest.approx(0.9)
    assert motion.to_lut().shape == (256,)
    np.testing.assert_allclose(appearance.interp_array(XS), 0.3, atol=1e-12)


def test_a_curve_passes_through_two_schedules_unchanged(connected):
    first, _, motion, appearance = schedule(motion_curve_from=connected, appearance_curve_from=connected)
    second, *_ = schedule(motion_curve_from=motion, appearance_curve_from=appearance)
    assert same(first, second)


class Broken:
    def __init__(self, height):
        self.height = height

    def interp_array(self, xs):
        return np.full_like(xs, self.height)


@pytest.mark.parametrize("name", ["motion_curve_from", "appearance_curve_from"])
@pytest.mark.parametrize(
    "value", [3, "x", {"points": []}, [(0, 0), (1, 7)], [(1, 0), (0, 0)], Broken(2), Broken(np.nan)]
)
def test_a_malformed_curve_is_refused_by_the_name_of_its_input(name, value):
    with pytest.raises(ValueError, match=name):
        schedule(**{name: value})


@pytest.mark.parametrize("name", ["motion_curve_from", "appearance_curve_from"])
def test_the_input_is_a_socket_and_not_a_curve_editor(name):
    kind, options = HiGenCueSchedule.GET_NODE_INFO_V1()["input"]["optional"][name]
    assert kind == "CURVE"
    assert options["forceInput"] is True


@needs_curves
@pytest.mark.parametrize("interpolation", ["monotone_cubic", "linear"])
def test_the_curve_editor_of_comfyui_gives_the_same_cues_as_the_drawn_curve(interpolation):
    raw = {"points": [list(point) for point in POINTS], "interpolation": interpolation}
    (edited,) = curve_editor().execute(raw).result
    got, _, out, _ = schedule(motion_curve_from=edited)
    assert same(got, schedule(motion_curve=Curve(POINTS, interpolation).to_json())[0])
    assert out is edited


@needs_curves
@pytest.mark.parametrize("interpolation", ["monotone_cubic", "linear", "step"])
def test_comfyui_takes_our_curves_as_its_own(interpolation):
    """`CurveInput.from_raw` is how Curve Editor reads its input; it would make a monotone cubic of anything else."""
    _, _, motion, _ = schedule(motion_curve=Curve(POINTS, interpolation).to_json())
    (passed,) = curve_editor().execute(motion).result
    assert isinstance(passed, StockCurve)
    np.testing.assert_array_equal(passed.to_lut(), Curve(POINTS, interpolation).at(np.linspace(0, 1, 256)).numpy())


def curve_editor():
    from comfy_extras.nodes_curve import CurveEditor

    return CurveEditor
