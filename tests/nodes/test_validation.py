"""Checks of node inputs."""

import pytest
from higen_pack.nodes.validation import parse_color
from hypothesis import given
from hypothesis import strategies as st


def test_colors_are_hexadecimal_srgb():
    assert parse_color("#ff8000") == pytest.approx((1, 128 / 255, 0))
    assert parse_color(" FF8000 ") == parse_color("#ff8000")


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "#1234567"])
def test_other_colors_are_refused(text):
    with pytest.raises(ValueError, match="a color must be #rrggbb"):
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
