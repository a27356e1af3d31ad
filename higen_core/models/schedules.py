"""Schedules of few steps that were fitted to weights, as their metadata states them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from reprlib import repr as short_repr
from typing import Any

TIME_STEPS, MOST_STEPS, MOST_WEIGHTS = 1000, 100, 8


@dataclass(frozen=True)
class FittedStep:
    """One evaluation of the network, and the step from there to the next.

    Everything is in the units of x0, the estimate of the clean latents. Weights are of what was evaluated so far, the
    latest first.

    Attributes:
        t: time step of the evaluation, 0..999.
        x: weight of the noisy latents.
        estimates: weights of the guided estimates of x0, of this step first.
        noise: weight of the noise that sampling started from.
        text, appearance: weights of the guidance terms evaluated before, which forecast that of this step; None where
            the null branch is evaluated, empty where there is no guidance.

    Raises:
        ValueError: a value of another type or out of range; the message names it.
    """

    t: int
    x: float
    estimates: tuple[float, ...]
    noise: float = 0.0
    text: tuple[float, ...] | None = None
    appearance: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("estimates", "text", "appearance"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, value := tuple(value))
            if name == "estimates" and not value:
                raise ValueError(f"estimates of a fitted step must be 1 to {MOST_WEIGHTS} numbers, got {value!r}")
            if value is not None and not (isinstance(value, tuple) and len(value) <= MOST_WEIGHTS):
                raise ValueError(f"{name} of a fitted step must be at most {MOST_WEIGHTS} numbers, got {value!r}")
        numbers = (self.x, self.noise, *self.estimates, *(self.text or ()), *(self.appearance or ()))
        if not all(map(_is_finite, numbers)):
            raise ValueError(f"weights of a fitted step must be finite numbers, got {short_repr(numbers)}")
        if not isinstance(self.t, int) or isinstance(self.t, bool) or not 0 <= self.t < TIME_STEPS:
            raise ValueError(f"t of a fitted step must be 0 to {TIME_STEPS - 1}, got {short_repr(self.t)}")

    @property
    def evaluations(self) -> int:
        """Of the network, with guidance on both conditions."""
        return 1 + (self.text is None) + (self.appearance is None)


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
        if not self.steps or len(self.steps) > MOST_STEPS:
            raise ValueError(f"steps of a fitted schedule must be 1 to {MOST_STEPS}, got {len(self.steps)}")
        if any(a <= b for a, b in pairwise(self.timesteps)):
            raise ValueError(f"time steps of a fitted schedule must fall, got {list(self.timesteps)}")
        if not _is_finite(self.guidance) or not _is_finite(self.appearance_guidance):
            raise ValueError("guidance of a fitted schedule must be a finite number")
        evaluated = {"text": 0, "appearance": 0}
        for number, step in enumerate(self.steps, start=1):
            if len(step.estimates) > number:
                raise ValueError(f"step {number} of a fitted schedule has weights of {len(step.estimates)} estimates")
            for name in evaluated:
                weights = getattr(step, name)
                if weights is None:
                    evaluated[name] += 1
                elif len(weights) > evaluated[name]:
                    raise ValueError(
                        f"step {number} of a fitted schedule has weights of {len(weights)} guidance terms of the "
                        f"{name}, but {evaluated[name]} were evaluated"
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
