"""Checks of node inputs that ComfyUI does not make: choices that are not offered, NaN and infinity, colors."""

from __future__ import annotations

import functools
import inspect
import math
import string
from collections.abc import Callable
from typing import Any

from comfy_api.latest import io


def validated(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """Decorator of a node's `execute` that checks its inputs.

    It raises ValueError, with the name of the input, for NaN, infinity and choices that the schema does not offer.
    """

    signature = inspect.signature(execute)

    @functools.wraps(execute)
    def run(cls: type[io.ComfyNode], *args: Any, **kwargs: Any) -> io.NodeOutput:
        inputs = signature.bind(cls, *args, **kwargs).arguments
        for spec in cls.define_schema().inputs:
            value = inputs.get(spec.id)
            if isinstance(spec, io.Combo.Input) and value is not None and value not in spec.options:
                raise ValueError(f"{spec.id} must be one of {', '.join(map(str, spec.options))}, got {value!r}")
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{spec.id} must be a finite number, got {value}")
        return execute(cls, *args, **kwargs)

    return run


def parse_color(text: str) -> tuple[float, float, float]:
    """Converts "#rrggbb" to sRGB in [0, 1].

    Raises:
        ValueError: any other text.
    """
    digits = text.strip().removeprefix("#")
    if len(digits) != 6 or any(digit not in string.hexdigits for digit in digits):
        raise ValueError(f"a color must be #rrggbb, like #808080, got {text!r}")
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue
