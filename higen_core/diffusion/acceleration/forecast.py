"""What is evaluated in each step of a sampling, and forecasts of what is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...models.schedules import FittedSchedule
from .options import Acceleration

COND = "cond"
"""The branch under all conditions. Null branches are called by the condition that is null in them."""
LEVEL_MOST = 9.0
"""Of half the log-SNR, in size: it is infinite at t = 999."""
FIRST_STEPS = 2
"""Of a sampling, in which the network is always evaluated."""

Evaluate = Callable[[Sequence[str]], dict[str, Tensor]]
"""Gives the estimates of x0, (b, ...), of the branches of these names."""


class History:
    """A tensor at the noise levels that it was evaluated at, the latest first, and its forecast at other levels."""

    def __init__(self, length: int):
        self.length = length
        self.levels: list[float] = []
        self.values: list[Tensor] = []

    def add(self, level: float, value: Tensor) -> None:
        """`level` is half the log-SNR; a second value at a level takes the place of the first."""
        others = [(own, kept) for own, kept in zip(self.levels, self.values, strict=True) if own != level]
        latest = [(level, value), *others][: self.length]
        self.levels, self.values = [own for own, _ in latest], [kept for _, kept in latest]

    def polynomial(self, level: float, order: int) -> Tensor:
        """The value at `level` of the polynomial of degree `order` through the latest values, or of a lower degree
        through as many as there are."""
        levels = self.levels[: order + 1]
        weights = []
        for i, own in enumerate(levels):
            others = [other for j, other in enumerate(levels) if j != i]
            weights.append(float(torch.tensor([(level - other) / (own - other) for other in others]).prod()))
        return self.weighted(weights)

    def weighted(self, weights: Sequence[float]) -> Tensor:
        """The sum of the latest values times the weights, zeros where there are none."""
        total = torch.zeros_like(self.values[0])
        for weight, value in zip(weights, self.values, strict=False):
            total = total + weight * value
        return total


class AcceleratedRun:
    """One sampling: says in each step which branches to evaluate, keeps what they gave, and forecasts the others.

    Attributes:
        asked, evaluated: evaluations of a branch so far, without and with the acceleration.
    """

    def __init__(self, acceleration: Acceleration, steps: int, schedule: FittedSchedule | None = None):
        """`schedule` is followed in place of the other parts of the acceleration; its steps are those of the run."""
        self.acceleration, self.steps, self.schedule = acceleration, steps, schedule
        self.asked = self.evaluated = 0
        self.estimates = History(acceleration.order + 1)
        self.terms: dict[str, History] = {}
        self.term_steps: dict[str, int] = {}
        self.agreed: set[str] = set()
        self.last_evaluated = -1

    @classmethod
    def of(
        cls, acceleration: Acceleration | None, steps: int, schedule: FittedSchedule | None = None
    ) -> AcceleratedRun | None:
        """None where nothing is left out."""
        if acceleration is None or (schedule is None and not acceleration.forecasts):
            return None
        return cls(acceleration, steps, schedule)

    def step(self, step: int, level: float, nulls: Sequence[str], evaluate: Evaluate) -> dict[str, Tensor]:
        """The estimates of x0 of all branches in a step.

        Args:
            step: 0, 1, ... of the run.
            level: half the log-SNR, log(alpha / sigma), at which the branches are evaluated.
            nulls: null branches that guidance needs.
            evaluate: evaluates branches at this step.
        """
        level = max(-LEVEL_MOST, min(LEVEL_MOST, level))
        self.asked += 1 + len(nulls)
        estimate = self._forecast_estimate(step, level)
        if estimate is not None:
            terms = {name: self._forecast_term(step, level, name) for name in nulls if name in self.terms}
            return {COND: estimate} | {name: estimate - terms.get(name, 0) for name in nulls}
        due = [name for name in nulls if self._is_due(step, name)]
        estimates = evaluate([COND, *due])
        self.evaluated += 1 + len(due)
        self.last_evaluated = step
        self.estimates.add(level, estimates[COND])
        for name in due:
            self.term_steps[name] = step
            self._keep_term(level, name, estimates[COND], estimates[COND] - estimates[name])
        for name in nulls:
            if name not in due or self.schedule is not None:
                estimates[name] = estimates[COND] - self._forecast_term(step, level, name)
        return estimates

    def _keep_term(self, level: float, name: str, estimate: Tensor, term: Tensor) -> None:
        length = self.acceleration.guidance_order + 1 if self.schedule is None else len(self.schedule.steps)
        self.terms.setdefault(name, History(length)).add(level, term)
        least = self.acceleration.agreement
        if least and self.schedule is None and _rms(term) < least * _rms(estimate):
            self.agreed.add(name)

    def _is_due(self, step: int, name: str) -> bool:
        """Whether a null branch is evaluated."""
        if self.schedule is not None:
            return name in self.schedule.steps[step].evaluated
        return (
            self._is_guided(step)
            and name not in self.agreed
            and (name not in self.terms or not 0 < step - self.term_steps[name] < self.acceleration.guidance_every)
        )

    def _is_guided(self, step: int) -> bool:
        start, end = self.acceleration.guidance_start, self.acceleration.guidance_end
        return round(self.steps * start) <= step < round(self.steps * end)

    def _forecast_term(self, step: int, level: float, name: str) -> Tensor:
        history = self.terms.get(name)
        if history is None or (self.schedule is None and not self._is_guided(step)):
            return torch.zeros_like(self.estimates.values[0])
        if self.schedule is not None:
            return history.weighted(getattr(self.schedule.steps[step], name))
        return history.polynomial(level, self.acceleration.guidance_order)

    def _forecast_estimate(self, step: int, level: float) -> Tensor | None:
        """None where the network is to be evaluated."""
        every, gate = self.acceleration.evaluate_every, self.acceleration.gate
        if self.schedule is not None or step < FIRST_STEPS or step == self.steps - 1:
            return None
        if not 0 < step - self.last_evaluated < every:  # samplers may come back to a step, with another x
            return None
        estimate = self.estimates.polynomial(level, self.acceleration.order)
        latest = self.estimates.values[0]
        return None if gate and _rms(estimate - latest) > gate * _rms(latest) else estimate


def _rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())
