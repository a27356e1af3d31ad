"""Fits a schedule of few steps to what a sampler does with the same weights in many, on videos of training prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...models.schedules import NULLS, FittedSchedule, FittedStep
from ..guidance import Branches
from ..schedule import alpha_sigma
from .forecast import COND

HISTORY = 4
"""Evaluations of a branch that a step is a weighted sum of, at most."""
RIDGE = 1e-5
"""Added to the diagonal of the normal equations, as a fraction of it: what the videos leave open stays as in DDIM."""
DIGITS = 6


@dataclass(frozen=True)
class Teacher:
    """What a sampler of many steps does with some videos.

    Attributes:
        timesteps: those it visits, and 0 at the end.
        states: x at each of them, (n + 1, b, ...).
        estimates: of x0 under all conditions, (n, b, ...).
        terms: the guidance terms by condition, without their scale, (n, b, ...).
        scales: of the guidance, by condition.
    """

    timesteps: tuple[int, ...]
    states: Tensor
    estimates: Tensor
    terms: Mapping[str, Tensor]
    scales: Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """What is evaluated in a schedule: the time steps, and for each the null branches."""

    timesteps: tuple[int, ...]
    evaluated: tuple[tuple[str, ...], ...]

    @property
    def evaluations(self) -> int:
        return len(self.timesteps) + sum(map(len, self.evaluated))


@dataclass(frozen=True)
class Fit:
    """A schedule, and the videos that it gives of those it was fitted to, latents (b, ...)."""

    schedule: FittedSchedule
    videos: Tensor

    def psnr(self, teacher: Teacher) -> float:
        """Decibels from the videos to those of the teacher, for a peak of 1: the mean of all videos."""
        errors = (self.videos - teacher.states[-1]).flatten(1).square().mean(dim=1)
        return float(-10 * errors.log10().mean())


@torch.no_grad()
def record_teacher(
    velocities: Branches, noise: Tensor, timesteps: Sequence[int], scales: Mapping[str, float]
) -> Teacher:
    """Runs DDIM, whose last step goes to t = 0 as in `sampling.ddim`, and keeps everything.

    Args:
        velocities: of the branches: 0 under all conditions, then one for each of `scales`, which is null in it.
        noise: (b, ...).
        timesteps: those to visit, strictly falling.
        scales: of the guidance, by condition.
    """
    x, states, estimates, terms = noise, [noise], [], {name: [] for name in scales}
    for t, s in zip(timesteps, [*timesteps[1:], 0], strict=True):
        found = _branches(velocities, x, t, scales, list(scales))
        x0 = found[COND] + sum((scale - 1) * found[name] for name, scale in scales.items())
        estimates.append(found[COND])
        for name in scales:
            terms[name].append(found[name])
        (alpha, sigma), (alpha_s, sigma_s) = alpha_sigma(t, x), alpha_sigma(s, x)
        x = alpha_s * x0 + sigma_s * (x - alpha * x0) / sigma
        states.append(x)
    stacked = {name: torch.stack(values) for name, values in terms.items()}
    return Teacher((*timesteps, 0), torch.stack(states), torch.stack(estimates), stacked, dict(scales))


@torch.no_grad()
def fit_schedule(velocities: Branches, teacher: Teacher, plan: Plan) -> Fit:
    """The weights with which the steps of a plan follow a teacher, fitted one step after the other.

    Each step is a linear regression (least squares over all values of all videos) of the teacher's next state on the
    sampler's own state, its latest evaluations of each branch, and the noise. So a step also corrects what the steps
    before it left. A small penalty holds the weights near those of DDIM.

    Args:
        velocities: as in `record_teacher`, of the same videos.
        teacher: its time steps contain those of the plan.
        plan: see `search.plans_of`.
    """
    x = noise = teacher.states[0]
    estimates: list[Tensor] = []
    terms: dict[str, list[Tensor]] = {name: [] for name in teacher.scales}
    effective: dict[str, list[Tensor]] = {name: [] for name in teacher.scales}  # weights of the terms, oldest first
    steps = []
    for number, (t, nulls) in enumerate(zip(plan.timesteps, plan.evaluated, strict=True)):
        found = _branches(velocities, x, t, teacher.scales, nulls)
        estimates.insert(0, found[COND])
        for name in nulls:
            terms[name].insert(0, found[name])
        following = (*plan.timesteps, 0)[number + 1]
        own = {name: [(teacher.scales[name] - 1) * term for term in terms[name][:HISTORY]] for name in terms}
        basis = [x, *estimates[:HISTORY], *(term for name in own for term in own[name])]
        basis += [noise] if number else []
        counts = [len(estimates[:HISTORY]), *(len(own[name]) for name in own)]
        near = ddim_weights(t, following, counts, len(basis))
        weights = regression(basis, teacher.states[teacher.timesteps.index(following)], near)
        x = torch.stack([weight * value for weight, value in zip(weights, basis, strict=True)]).sum(dim=0)
        of_x, of_noise = weights[0], weights[-1] if number else 0.0
        of_estimates, rest = weights[1 : 1 + len(estimates[:HISTORY])], weights[1 + len(estimates[:HISTORY]) :]
        of_terms = {}
        for name in own:
            of_terms[name] = _effective(rest[: len(own[name])], of_estimates, effective[name], len(terms[name]))
            rest = rest[len(own[name]) :]
        steps.append(_step(t, of_x, of_estimates, of_noise, nulls, of_terms))
    text, appearance = (teacher.scales.get(name, 1.0) for name in NULLS)
    return Fit(FittedSchedule(tuple(steps), text, appearance), x)


def ddim_weights(t: int, following: int, counts: Sequence[int], length: int) -> Tensor:
    """The weights of a DDIM step from t to `following`: of x, and of the latest of each of several groups.

    Args:
        counts: sizes of the groups that follow x.
        length: of the result; what follows the groups has weight 0.
    """
    (alpha, sigma), (alpha_s, sigma_s) = (map(float, alpha_sigma(time, torch.zeros(1))) for time in (t, following))
    weights = torch.zeros(length, dtype=torch.float64)
    weights[0] = sigma_s / sigma
    for group, count in enumerate(counts):
        if count:
            weights[1 + sum(counts[:group])] = alpha_s - sigma_s / sigma * alpha
    return weights


def regression(basis: Sequence[Tensor], target: Tensor, near: Tensor) -> list[float]:
    """The weights of the sum of `basis` nearest to the target, drawn to the weights `near`."""
    values = torch.stack([value.reshape(-1).double() for value in basis])
    rest = target.reshape(-1).double() - near @ values
    return (near + solve(values @ values.T, values @ rest, RIDGE)).tolist()


def solve(gram: Tensor, products: Tensor, ridge: float) -> Tensor:
    """Weights from the products of the basis with itself, (n, n), and with the target, (n,)."""
    return torch.linalg.solve(gram + ridge * gram.diagonal().diag(), products)


def _branches(
    velocities: Branches, x: Tensor, t: int, scales: Mapping[str, float], nulls: Sequence[str]
) -> dict[str, Tensor]:
    """The estimate of x0 under all conditions, and the guidance terms of the null branches."""
    numbers = {name: number for number, name in enumerate(scales, start=1)}
    v, *v_nulls = velocities(x, t, [0, *(numbers[name] for name in nulls)])
    alpha, sigma = alpha_sigma(t, x)
    terms = {name: sigma * (v_null - v) for name, v_null in zip(nulls, v_nulls, strict=True)}
    return {COND: alpha * x - sigma * v} | terms


def _effective(
    weights: Sequence[float], of_estimates: Sequence[float], earlier: list[Tensor], evaluated: int
) -> tuple[float, ...]:
    """The guidance term of a step, as weights of the terms evaluated so far, the latest first.

    A step is a sum of guided estimates, each with the guidance term of its own step. The regression has a weight for
    each term that was evaluated instead; this step's guidance term makes up for the difference.

    Args:
        weights: of the regression, of the latest terms.
        of_estimates: of the regression, of this step's estimate and the latest before it.
        earlier: what this function has returned for earlier steps, the oldest term first; the new one is appended.
        evaluated: number of terms so far.
    """
    total = torch.zeros(evaluated, dtype=torch.float64)
    for age, weight in enumerate(weights):
        total[evaluated - 1 - age] += weight
    for weight, before in zip(of_estimates[1:], reversed(earlier), strict=False):
        total[: len(before)] -= weight * before
    total = total / of_estimates[0]
    earlier.append(total)
    return tuple(total.flip(0).tolist())


def _step(
    t: int,
    x: float,
    estimates: Sequence[float],
    noise: float,
    nulls: Sequence[str],
    terms: Mapping[str, Sequence[float]],
) -> FittedStep:
    """The step with its weights rounded."""

    def rounded(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(float(f"{value:.{DIGITS}g}") for value in values)

    rows = {name: rounded(weights) for name, weights in terms.items()}
    (x, noise) = rounded((x, noise))
    return FittedStep(t, x, rounded(estimates), noise, tuple(nulls), **rows)
