"""Checks of node inputs that ComfyUI does not make: on values from links, and on all for NaN and infinity; colors."""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import string
from collections.abc import Callable
from typing import Any

import torch
from comfy_api.latest import io

from .. import higen_core as hg
from .conditioning import check_conditioning
from .sampling.settings import CueRequest

KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "IMAGE": ("images, as a tensor", lambda value: isinstance(value, torch.Tensor)),
    "MASK": ("a mask, as a tensor", lambda value: isinstance(value, torch.Tensor)),
    "LATENT": ("a latent with samples", lambda value: _is_latent(value)),
    "CONDITIONING": ("a conditioning of at least one prompt", lambda value: _is_conditioning(value)),
    "HIGEN_CUES": (
        "cues, from HiGen Cue Schedule or HiGen Cue Extractor",
        lambda value: isinstance(value, hg.Cues | CueRequest),
    ),
    "MODEL": ("a model, from HiGen Loader", lambda value: hasattr(value, "model")),
    "VAE": ("a VAE, from HiGen Loader", lambda value: hasattr(value, "encode") and hasattr(value, "decode")),
    "STRING": ("text", lambda value: isinstance(value, str)),
    "BOOLEAN": ("true or false", lambda value: isinstance(value, bool)),
    "VIDEO": ("a video, from Load Video", lambda value: hasattr(value, "get_components")),
    "CLIP_VISION": ("an image encoder, from Load CLIP Vision", lambda value: hasattr(value, "encode_image")),
    "AUDIO": ("sound, with waveform and sample_rate", lambda value: _has_keys(value)),
}
"""What a value of a type must be, in words, and the test of it: links of any type can carry others."""


def validated(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """Decorator of a node's `execute` that checks its inputs against the schema, wherever they come from.

    It raises ValueError, with the name of the input, for choices that the schema does not offer, for numbers outside
    its bounds, NaN and infinity, and for values of another kind, such as None for an input that is required.
    """
    return _checking(execute, check_input)


def validated_lazily(check: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """As `validated`, for a node's `check_lazy_status`, where lazy inputs may have no value yet."""

    def check_evaluated(spec: io.Input, value: Any) -> None:
        if value is not None or not spec.lazy:
            check_input(spec, value)

    return _checking(check, check_evaluated)


def _checking(method: Callable[..., Any], check: Callable[[io.Input, Any], object]) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def run(cls: type[io.ComfyNode], *args: Any, **kwargs: Any) -> Any:
        inputs = signature.bind(cls, *args, **kwargs).arguments
        for spec in cls.define_schema().inputs:
            if spec.id in inputs:
                check(spec, inputs[spec.id])
        return method(cls, *args, **kwargs)

    return run


def check_input(spec: io.Input, value: Any) -> None:
    """Raises ValueError, with the name of the input, for a value that its schema does not allow."""
    if isinstance(spec, io.Combo.Input):
        if not isinstance(value, str) or value not in spec.options:
            raise ValueError(f"{spec.id} must be one of {', '.join(map(str, spec.options))}, got {value!r}")
    elif isinstance(spec, io.Int.Input | io.Float.Input):
        check_number(spec.id, value, spec.min, spec.max, whole=isinstance(spec, io.Int.Input))
    elif value is None and spec.optional:
        return
    elif kind := KINDS.get(spec.io_type):
        expected, is_valid = kind
        if not is_valid(value):
            raise ValueError(f"{spec.id} must be {expected}, got {described(value)}")
        if spec.io_type == "CONDITIONING":
            check_conditioning(spec.id, value)
    elif value is None:
        raise ValueError(f"{spec.id} must be of type {spec.io_type}, got None")


def check_number(name: str, value: Any, low: float, high: float, whole: bool) -> None:
    """Raises ValueError unless the value is a number, a whole one if `whole`, from `low` to `high`."""
    kind = "a whole number" if whole else "a number"
    if not _is_number(value, whole):
        raise ValueError(f"{name} must be {kind} from {low} to {high}, got {described(value)}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be {kind} from {low} to {high}, got {value}")


def described(value: Any) -> str:
    """A value for an error message: in full if it is short, else its type."""
    if value is None or isinstance(value, str | numbers.Number):
        return repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:80]}..."
    return type(value).__name__


def _is_number(value: Any, whole: bool) -> bool:
    return isinstance(value, numbers.Integral if whole else numbers.Real) and not isinstance(value, bool)


def _has_keys(value: Any) -> bool:
    """Also of classes of other packs that read a sound on access."""
    return hasattr(value, "__getitem__") and not isinstance(value, str | bytes | list | tuple | torch.Tensor)


def _is_latent(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("samples"), torch.Tensor)


def _is_conditioning(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(
            isinstance(entry, list | tuple)
            and len(entry) == 2
            and isinstance(entry[0], torch.Tensor | None)
            and isinstance(entry[1], dict)
            for entry in value
        )
    )


def check_mask(mask: torch.Tensor | None, images: int) -> torch.Tensor | None:
    """The mask of so many images, if there is one: (1 or images, h, w), or (h, w) for all of them.

    Raises:
        ValueError: another shape, or NaN or infinite values.
    """
    if mask is None:
        return None
    mask = mask[None] if mask.ndim == 2 else mask
    if mask.ndim != 3 or len(mask) not in (1, images) or 0 in mask.shape:
        raise ValueError(f"mask must be ({images} or 1, height, width), got {tuple(mask.shape)}")
    if not torch.isfinite(mask).all():
        raise ValueError("mask has NaN or infinite values: check the node that made it")
    return mask


def parse_color(text: str, name: str = "color") -> tuple[float, float, float]:
    """Converts "#rrggbb" to sRGB in [0, 1]; `name` is what error messages call it.

    Raises:
        ValueError: any other text.
    """
    digits = text.strip().removeprefix("#")
    if len(digits) != 6 or any(digit not in string.hexdigits for digit in digits):
        raise ValueError(f"{name} must be #rrggbb, like #808080, got {text!r}")
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue
