"""CURVE, ComfyUI's type for curves: values that its nodes take, and reading theirs.

ComfyUI 0.3.75 has neither the type nor nodes for it, but passes its values from one pack to another.
"""

from __future__ import annotations

from typing import Any

import comfy_api.input
import numpy as np
from comfy_api.latest import io

from ...higen_core.cues.curves import Curve

CurveType = io.Custom("CURVE")
StockCurve = getattr(comfy_api.input, "CurveInput", object)
"""The class that newer ComfyUIs recognize values of type CURVE by."""


class CurveValue(StockCurve):
    """A curve as a value of type CURVE. Its methods are those that ComfyUI's nodes call."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    @property
    def points(self) -> list[tuple[float, float]]:
        """The control points (x, y). What is between them, the methods below tell."""
        return list(self.curve.points)

    def interp(self, x: float) -> float:
        """y at x, both in 0..1."""
        return float(self.curve.at([x])[0])

    def interp_array(self, xs: np.ndarray) -> np.ndarray:
        """y at an array of x."""
        return self.curve.at(xs).numpy()

    def to_lut(self, size: int = 256) -> np.ndarray:
        """y at evenly spaced x from 0 to 1: (size,) float64."""
        return self.interp_array(np.linspace(0.0, 1.0, size))


def curve_value(name: str, value: Any) -> Any:
    """An object with `interp_array`: the value itself, or one made of the points that it consists of.

    Raises:
        ValueError: neither; the message begins with the name of the input.
    """
    if callable(getattr(value, "interp_array", None)):
        return value
    try:
        return CurveValue(Curve.from_value(value))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
