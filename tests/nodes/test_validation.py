"""Checks of node inputs."""

import asyncio

import pytest
import torch
from comfy_api.latest import io
from higen_pack import higen_core as hg
from higen_pack.nodes import HiGenExtension
from higen_pack.nodes.cue_schedule import HiGenCueSchedule
from higen_pack.nodes.image_prior import HiGenImagePrior
from higen_pack.nodes.sampling.settings import CueRequest
from higen_pack.nodes.schema import HigenCuesType
from higen_pack.nodes.validation import check_input, check_mask, parse_color
from hypothesis import given
from hypothesis import strategies as st


def test_colors_are_hexadecimal_srgb():
    assert parse_color("#ff8000") == pytest.approx((1, 128 / 255, 0))
    assert parse_color(" FF8000 ") == parse_color("#ff8000")


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "#1234567"])
def test_other_colors_are_refused(text):
    with pytest.raises(ValueError, match="color must be #rrggbb"):
        parse_color(text)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_8_bit_color_is_read_exactly(levels):
    assert parse_color("#{:02x}{:02x}{:02x}".format(*levels)) == tuple(level / 255 for level in levels)


@given(st.text())
def test_any_text_is_a_color_or_a_value_error(text):
    try:
        color = parse_color(text)
    except ValueError:
        return
    assert all(0 <= level <= 1 for level in color)


NODES = asyncio.run(HiGenExtension().get_node_list())
INPUTS = [(node.define_schema().node_id, spec) for node in NODES for spec in node.define_schema().inputs]
NUMBERS = [entry for entry in INPUTS if isinstance(entry[1], io.Int.Input | io.Float.Input)]
NAN, INFINITY = float("nan"), float("inf")


def ids(entries):
    return [f"{node}.{spec.id}" for node, spec in entries]


@pytest.mark.parametrize(("node", "spec"), NUMBERS, ids=ids(NUMBERS))
def test_every_bound_of_a_number_holds_for_values_from_links(node, spec):
    for value in (spec.min, spec.max, spec.default):
        check_input(spec, value)
    for value in (spec.min - 1, spec.max + 1, 2**63 * 4, -(2**63), NAN, INFINITY, None, "8", [8], True):
        with pytest.raises(ValueError, match=f"^{spec.id} must be "):
            check_input(spec, value)


def test_a_fraction_is_no_whole_number():
    with pytest.raises(ValueError, match="^frames must be a whole number from 2 to 1024, got 16.5"):
        check_input(io.Int.Input("frames", min=2, max=1024), 16.5)


REQUIRED = [entry for entry in INPUTS if not entry[1].optional]


@pytest.mark.parametrize(("node", "spec"), REQUIRED, ids=ids(REQUIRED))
def test_none_is_refused_for_every_required_input(node, spec):
    with pytest.raises(ValueError, match=f"^{spec.id} must be .*got None"):
        check_input(spec, None)


@pytest.mark.parametrize("type", [io.Image, io.Mask, io.Latent, io.Conditioning, HigenCuesType, io.Model, io.Vae])
@pytest.mark.parametrize("value", [7, "text", [], {}, [[1, 2]], {"samples": None}])
def test_a_value_of_another_kind_is_refused_by_name(type, value):
    with pytest.raises(ValueError, match="^it must be "):
        check_input(type.Input("it"), value)


@pytest.mark.parametrize("type", [io.Video, io.ClipVision, io.Audio, io.Boolean])
@pytest.mark.parametrize("value", [7, "text", [8], torch.zeros(5)])
def test_a_value_of_another_kind_is_refused_for_what_is_optional(type, value):
    with pytest.raises(ValueError, match="^it must be "):
        check_input(type.Input("it", optional=True), value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": NAN}, "strength must be a finite number, got nan"),
        ({"end_percent": "1"}, "end_percent must be a finite number, got '1'"),
        ({"mask": -21919}, "mask must be a finite tensor"),
        ({"mask": torch.tensor([1.0])}, "mask must be a finite tensor"),
        ({"mask": torch.full((1, 4, 4), NAN)}, "mask must be a finite tensor"),
        ({"area": 0}, "area must be height, width, y and x, got 0"),
        ({"control": 1.5}, r"HiGen does not support ControlNet \(control\)"),
        ({"higen_cues": 3}, "its cues must be those of HiGen Apply Cues, got 3"),
    ],
)
def test_options_of_a_conditioning_that_no_sampler_could_read_are_refused(options, message):
    with pytest.raises(ValueError, match=f"^positive: {message}"):
        check_input(io.Conditioning.Input("positive"), [[torch.rand(1, 7, 8), options]])


@pytest.mark.parametrize("area", [(8, 8, 0, 0), ("percentage", 0.5, 0.5, 0.0, 0.25), [8, 8, 0, 0]])
def test_areas_and_masks_of_stock_nodes_are_taken(area):
    options = {"area": area, "mask": torch.ones(1, 8, 8), "mask_strength": 0.5, "start_percent": 0, "control": None}
    check_input(io.Conditioning.Input("positive"), [[torch.rand(1, 7, 8), options]])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frames": 10**6}, "frames must be a whole number from 0 to 1024, got 1000000"),
        ({"motion": 5000}, "motion must be a whole number from -1 to 1000, got 5000"),
        ({"appearance": -2.0}, "appearance must be a number from -1.0 to 1.0, got -2.0"),
        ({"fps": 200.0}, "fps must be a number from 0.0 to 120.0, got 200.0"),
        ({"motion_from": torch.zeros(1)}, "motion_from must be cues, .* got Tensor"),
    ],
)
def test_a_node_refuses_them_where_it_is_executed(changed, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        HiGenCueSchedule.make_cues(**({"frames": 16, "motion": 500, "appearance": 1.0} | changed))


@pytest.mark.parametrize("value", [hg.Cues.constant(4), CueRequest(0, None, None), None])
def test_cues_may_be_left_to_the_model(value):
    check_input(HigenCuesType.Input("cues", optional=True), value)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.full((1, 4, 4), NAN), "mask has NaN or infinite values"),
        (torch.full((1, 4, 4), INFINITY), "mask has NaN or infinite values"),
        (torch.zeros(3, 4, 4), r"mask must be \(2 or 1, height, width\), got \(3, 4, 4\)"),
    ],
)
def test_a_broken_mask_is_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        check_mask(mask, images=2)


def test_a_background_on_a_link_is_checked_once_it_is_known():
    assert HiGenImagePrior.validate_inputs(None) is True
    assert HiGenImagePrior.validate_inputs("#808080") is True
    assert "background must be #rrggbb" in HiGenImagePrior.validate_inputs("gray")
