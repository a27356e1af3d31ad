"""Schedules of few steps that were fitted to weights, as their metadata states them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from reprlib import repr as short_repr
from typing import Any

TIME_STEPS = 1000
NULLS = ("text", "appearance")
"""The conditions that guidance compares with their absence."""


@dataclass(frozen=True)
class FittedStep:
    """One evaluation of the network, and the step from there to the next.

    Weights are of tensors in the units of x0, the estimate of the clean latents, the latest first.

    Attributes:
        t: time step of the evaluation, 0..999.
        x: weight of the noisy latents.
        estimates: weights of the guided estimates of x0, of this step first.
        noise: weight of the noise that sampling started from.
        evaluated: the null branches that are evaluated, of NULLS.
        text, appearance: weights of the guidance terms that were evaluated so far, in this step too, whose sum is the
            guidance term of this step.

    Raises:
        ValueError: a value of another type or out of range; the message names it.
    """

    t: int
    x: float
    estimates: tuple[float, ...]
    noise: float = 0.0
    evaluated: tuple[str, ...] = ()
    text: tuple[float, ...] = ()
    appearance: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("estimates", "evaluated", *NULLS):
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))
        if not isinstance(self.t, int) or isinstance(self.t, bool) or not 0 <= self.t < TIME_STEPS:
            raise ValueError(f"t of a fitted step must be 0 to {TIME_STEPS - 1}, got {short_repr(self.t)}")
        if not isinstance(self.evaluated, tuple) or not set(self.evaluated) <= set(NULLS):
            raise ValueError(f"evaluated of a fitted step must be of {', '.join(NULLS)}, got {self.evaluated!r}")
        for name in ("estimates", *NULLS):
            if not isinstance(weights := getattr(self, name), tuple) or not all(map(_is_finite, weights)):
                raise ValueError(f"{name} of a fitted step must be finite numbers, got {short_repr(weights)}")
        if not self.estimates or not _is_finite(self.x) or not _is_finite(self.noise):
            raise ValueError(f"x, noise and estimates of a fitted step must be finite numbers, got {short_repr(self)}")

    @property
    def evaluations(self) -> int:
        """Of the network, with guidance on both conditions."""
        return 1 + len(self.evaluated)


@dataclass(frozen=True)
class FittedSchedule:
    """Steps that together do what many steps of another sampler do; `fit_schedule` makes them.

    Attributes:
        steps: at strictly falling time steps.
        guidance, appearance_guidance: the scales that it was fitted with.

    Raises:
        ValueError: no steps, time steps that do not fall, or weights of more than was evaluated.
    """

    steps: tuple[FittedStep, ...]
    guidance: float
    appearance_guidance: float = 1.0

    def __post_init__(self) -> None:
        if not self.steps or len(self.steps) > TIME_STEPS:
            raise ValueError(f"steps of a fitted schedule must be 1 to {TIME_STEPS}, got {len(self.steps)}")
        if any(a <= b for a, b in pairwise(self.timesteps)):
            raise ValueError(f"time steps of a fitted schedule must fall, got {list(self.timesteps)}")
        if not _is_finite(self.guidance) or not _is_finite(self.appearance_guidance):
            raise ValueError("guidance of a fitted schedule must be a finite number")
        for number, step in enumerate(self.steps, start=1):
            so_far = self.steps[:number]
            counts = {name: sum(name in earlier.evaluated for earlier in so_far) for name in NULLS}
            for name, most in (counts | {"estimates": number}).items():
                if len(getattr(step, name)) > most:
                    raise ValueError(
                        f"step {number} of a fitted schedule has {len(getattr(step, name))} weights of {name}, but "
                        f"{most} were evaluated"
                    )

    @property
    def timesteps(self) -> tuple[int, ...]:
        return tuple(step.t for step in self.steps)

    @property
    def evaluations(self) -> int:
        """Of the network, with guidance on both conditions."""
        return sum(step.evaluations for step in self.steps)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FittedSchedule:
        """Reads what `to_dict` gives, such as from JSON.

        Raises:
            ValueError: keys are unknown or missing, or have values out of range.
        """
        if unknown := sorted(set(values) - {entry.name for entry in fields(cls)}):
            raise ValueError(f"fitted schedule: unknown key {unknown[0]!r}")
        try:
            return cls(**{**values, "steps": tuple(FittedStep(**step) for step in values["steps"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"fitted schedule: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
