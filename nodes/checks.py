"""What ComfyUI leaves unchecked: a choice that is not on the list, and numbers that are none."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

from comfy_api.latest import io


def checked(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """For a node's `execute`: refuses, by the input's name, NaN and infinity, and choices that the schema has not."""

    signature = inspect.signature(execute)

    @functools.wraps(execute)
    def run(cls: type[io.ComfyNode], *values: Any, **named: Any) -> io.NodeOutput:
        inputs = signature.bind(cls, *values, **named).arguments
        for spec in cls.define_schema().inputs:
            value = inputs.get(spec.id)
            if isinstance(spec, io.Combo.Input) and value is not None and value not in spec.options:
                raise ValueError(f"{spec.id} must be one of {', '.join(map(str, spec.options))}, got {value!r}")
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{spec.id} must be a number, got {value}")
        return execute(cls, *values, **named)

    return run
