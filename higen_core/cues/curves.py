"""Curves for the cues: control points drawn over a clip, evaluated at its frames.

x is the position in the clip, 0 at the first frame and 1 at the last; y is the strength of the cue, 0..1.
`nodes/web/lib/curve/curve.js` draws the same curves, and tests/data/curve_cases.json is the test data of both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from reprlib import repr as short_repr
from typing import Any

import numpy as np
import torch
from torch import Tensor

INTERPOLATIONS = ("monotone_cubic", "linear", "step")
MOTION_MAX = 1000
"""Motion cue at y = 1."""
STEP_TOLERANCE = 1e-5
"""Steps take effect this much before their x, which may have been rounded to five decimals."""
RANGE_TOLERANCE = 1e-6
"""How far an EvaluatedCurve may leave 0..1, by rounding, before it is an error."""


@dataclass(frozen=True)
class Curve:
    """A curve through control points; it is constant before the first and after the last.

    Attributes:
        points: pairs (x, y), both in 0..1, x rising.
        interpolation: "monotone_cubic", which never overshoots its points (Fritsch and Carlson, "Monotone Piecewise
            Cubic Interpolation", 1980), "linear", or "step", which holds a value until the next point.

    Raises:
        ValueError: points or an interpolation other than these; the message names the offending value.
    """

    points: tuple[tuple[float, float], ...]
    interpolation: str = "monotone_cubic"

    def __post_init__(self) -> None:
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"curve interpolation must be one of {INTERPOLATIONS}, got {short_repr(self.interpolation)}"
            )
        if not self.points:
            raise ValueError("a curve needs at least one point, got none")
        for i, point in enumerate(self.points):
            _check_point(i, point)
        for i, (a, b) in enumerate(zip(self.points, self.points[1:], strict=False)):
            if b[0] <= a[0]:
                raise ValueError(f"curve points must have rising x: point {i + 1} is at {b[0]}, point {i} at {a[0]}")

    @classmethod
    def constant(cls, y: float) -> Curve:
        """The same y, 0..1, over the whole clip."""
        return cls(((0.0, y), (1.0, y)), "linear")

    @classmethod
    def from_json(cls, text: str) -> Curve:
        """Reads `{"points": [[x, y], ...], "interpolation": "monotone_cubic" | "linear" | "step"}`.

        Raises:
            ValueError: not JSON, or not of that form; the message names the offending value.
        """
        if not isinstance(text, str):
            raise ValueError(f"a curve must be JSON text like {_EXAMPLE}, got {type(text).__name__}")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a curve must be JSON like {_EXAMPLE}, got {text[:80]!r}: {error}") from None
        if not isinstance(value, dict) or not isinstance(value.get("points"), list):
            raise ValueError(f"a curve must be a JSON object with a list of points like {_EXAMPLE}, got {text[:80]!r}")
        return cls.from_value(value)

    @classmethod
    def from_value(cls, value: Any) -> Curve:
        """Reads `{"points": [[x, y], ...], "interpolation": ...}`, or the list of points alone: a monotone cubic.

        Raises:
            ValueError: not of that form; the message names the offending value.
        """
        entries = value if isinstance(value, dict) else {"points": value}
        points = entries.get("points")
        if not isinstance(points, list | tuple):
            raise ValueError(f"a curve must be a list of points or like {_EXAMPLE}, got {short_repr(value)}")
        unknown = sorted(map(str, entries.keys() - {"points", "interpolation"}))
        if unknown:
            raise ValueError(f"a curve has points and interpolation only, got {unknown[0]!r}")
        points = tuple(tuple(point) if isinstance(point, list) else point for point in points)
        return cls(points, entries.get("interpolation", "monotone_cubic"))

    def to_json(self) -> str:
        """JSON text that `from_json` reads back as the same curve."""
        return json.dumps({"points": [list(point) for point in self.points], "interpolation": self.interpolation})

    def at(self, x: Tensor | Sequence[float]) -> Tensor:
        """y, 0..1, at the positions x, 0..1: float64 in the shape of x."""
        x = torch.as_tensor(x, dtype=torch.float64)
        xs, ys = torch.tensor(self.points, dtype=torch.float64).T.contiguous()  # n, n
        if len(xs) == 1:
            return ys[0].expand(x.shape).clone()
        if self.interpolation == "step":
            k = torch.searchsorted(xs, x + STEP_TOLERANCE, right=True) - 1
            return ys[k.clamp(min=0)]
        x = x.clamp(xs[0], xs[-1])
        k = (torch.searchsorted(xs, x, right=True) - 1).clamp(0, len(xs) - 2)
        width = xs[k + 1] - xs[k]
        t = (x - xs[k]) / width
        if self.interpolation == "linear":
            return ys[k] + t * (ys[k + 1] - ys[k])
        slope = torch.tensor(monotone_slopes(xs.tolist(), ys.tolist()), dtype=torch.float64)
        return (
            (1 + 2 * t) * (1 - t) ** 2 * ys[k]
            + t * (1 - t) ** 2 * width * slope[k]
            + t**2 * (3 - 2 * t) * ys[k + 1]
            - t**2 * (1 - t) * width * slope[k + 1]
        ).clamp(0, 1)


@dataclass(frozen=True)
class EvaluatedCurve:
    """A curve that is known only by its values, such as one of another library.

    Attributes:
        function: y, 0..1, at an array of positions x, 0..1, in the same shape.
        name: what error messages call the curve.
    """

    function: Callable[[np.ndarray], np.ndarray]
    name: str = "curve"

    def at(self, x: Tensor | Sequence[float]) -> Tensor:
        """y, 0..1, at the positions x, 0..1: float64 in the shape of x.

        Raises:
            ValueError: the function gives another shape, or a value that is not a number in 0..1.
        """
        x = torch.as_tensor(x, dtype=torch.float64)
        y = torch.as_tensor(self.function(x.numpy()), dtype=torch.float64)
        if y.shape != x.shape:
            raise ValueError(f"{self.name} must have one y for each of {len(x)} x, got shape {tuple(y.shape)}")
        outside = ~((y >= -RANGE_TOLERANCE) & (y <= 1 + RANGE_TOLERANCE))  # NaN compares false
        if outside.any():
            raise ValueError(f"{self.name} must be in 0..1, got {y[outside][0]:g} at x = {x[outside][0]:g}")
        return y.clamp(0, 1)


_EXAMPLE = '{"points": [[0, 0.5], [1, 0.5]], "interpolation": "linear"}'


def _check_point(i: int, point: object) -> None:
    if not isinstance(point, tuple) or len(point) != 2:
        raise ValueError(f"curve point {i} must be a pair [x, y], got {short_repr(point)}")
    for name, value in zip("xy", point, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:  # NaN compares false
            raise ValueError(f"{name} of curve point {i} must be a number in 0..1, got {short_repr(value)}")


def monotone_slopes(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """Slopes dy/dx at the points (n each) that keep the cubics between them monotone (Fritsch and Carlson 1980)."""
    n = len(xs)
    secants = [(ys[k + 1] - ys[k]) / (xs[k + 1] - xs[k]) for k in range(n - 1)]
    slopes = [secants[0], *((a + b) / 2 if a * b > 0 else 0.0 for a, b in zip(secants, secants[1:], strict=False))]
    slopes.append(secants[-1])
    for k, secant in enumerate(secants):
        if secant == 0:
            slopes[k] = slopes[k + 1] = 0.0
            continue
        steepness = math.hypot(slopes[k] / secant, slopes[k + 1] / secant)
        if steepness > 3:
            slopes[k] *= 3 / steepness
            slopes[k + 1] *= 3 / steepness
    return slopes


def motion_values(curve: Curve | EvaluatedCurve, frames: int) -> Tensor:
    """Motion cues 0..1000 of the steps between frames: (frames - 1,) int64.

    Value i is that of the step from frame i to i + 1, so the curve is evaluated half-way between the two.

    Raises:
        ValueError: fewer than 2 frames; the functions below raise it too.
    """
    x = (torch.arange(_at_least_two(frames) - 1, dtype=torch.float64) + 0.5) / (frames - 1)
    return torch.floor(curve.at(x) * MOTION_MAX + 0.5).long()


def appearance_factors(curve: Curve | EvaluatedCurve, frames: int) -> Tensor:
    """Appearance factor 0..1 of each frame: (frames,) float64."""
    return curve.at(torch.linspace(0, 1, _at_least_two(frames), dtype=torch.float64))


def appearance_matrix(factors: Tensor) -> Tensor:
    """The appearance cue for one factor per frame: (f,) -> (f, f) float32, symmetric.

    a_ij = 1 - (factor_i + factor_j) / 2 * |i - j| / (f - 1). With equal factors this is the default cue of the released
    implementation.
    """
    factors = factors.double()
    i = torch.arange(_at_least_two(len(factors)), dtype=torch.float64)
    distance = (i[:, None] - i).abs() / (len(factors) - 1)
    return (1 - (factors[:, None] + factors) / 2 * distance).float()


def fit_factors(appearance: Tensor) -> Tensor:
    """The factors (f,) in 0..1 whose `appearance_matrix` is closest to a measured one (f, f), by least squares.

    Setting the gradient of sum_{i<j} (h_ij (x_i + x_j) - c_ij)^2 to zero, with h_ij = |i - j| / (f - 1) / 2 and the
    change c_ij = 1 - a_ij, gives f equations. Of two frames only the mean of the factors is determined.
    """
    frames = _at_least_two(len(appearance))
    change = (1 - appearance.cpu().double()).triu(1)  # not all devices have this type
    change = change + change.T
    if frames == 2:
        return change[0, 1].clamp(0, 1).expand(2).clone()
    i = torch.arange(frames, dtype=torch.float64)
    half = (i[:, None] - i).abs() / (frames - 1) / 2
    weights = half.square()
    system = weights + torch.diag(weights.sum(1))
    return torch.linalg.solve(system, (half * change).sum(1)).clamp(0, 1)


def _at_least_two(frames: int) -> int:
    if frames < 2:
        raise ValueError(f"cues need at least 2 frames, got {frames}")
    return frames
