"""Finds the time steps of a schedule, and where its null branches are evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ...models.schedules import FittedSchedule
from ..guidance import Branches
from .fitting import HISTORY, Plan, Teacher, fit_schedule, solve

MOVES = (-4, -2, -1, 1, 2, 4)
"""By how many time steps of the teacher one of the plan is moved at a time."""
RIDGE = 1e-6
"""As in `fitting`, but drawn to 0."""
IMPROVEMENT = 1e-3
"""Fraction of the cost below which a change counts for nothing."""


@dataclass(frozen=True)
class Candidate:
    """Indices into the teacher's time steps, and for each condition the positions in them that evaluate its null."""

    steps: tuple[int, ...]
    nulls: tuple[frozenset[int], ...]


class PlanCost:
    """Sum of the mean squared errors of all steps of a plan, each from a state of the teacher.

    They follow from the scalar products of everything that the teacher has seen, which are computed once.
    """

    def __init__(self, teacher: Teacher):
        self.names, self.count = tuple(teacher.terms), len(teacher.estimates)
        parts = [teacher.states, teacher.estimates, *teacher.terms.values()]
        values = torch.cat([part.reshape(len(part), -1) for part in parts]).double()
        self.gram = values @ values.T / values.shape[1]
        starts = torch.tensor([0, *(len(part) for part in parts)]).cumsum(0).tolist()
        self.states, self.estimates, *self.terms = starts[:-1]

    def __call__(self, candidate: Candidate) -> float:
        steps = candidate.steps
        start = self.gram[0, 0] + self.gram[steps[0], steps[0]] - 2 * self.gram[0, steps[0]]  # begins with the noise
        return float(start) + sum(self._error(candidate, position) for position in range(len(steps)))

    def _error(self, candidate: Candidate, position: int) -> float:
        steps = candidate.steps[: position + 1]
        target = (*candidate.steps, self.count)[position + 1]
        basis = [steps[-1], *(self.estimates + step for step in steps[::-1][:HISTORY])]
        for start, evaluated in zip(self.terms, candidate.nulls, strict=True):
            seen = [start + step for at, step in enumerate(steps) if at in evaluated]
            basis += seen[::-1][:HISTORY]
        basis += [0] if position else []
        products = self.gram[basis, target]
        return float(self.gram[target, target] - products @ solve(self.gram[basis][:, basis], products, RIDGE))


def best_schedule(velocities: Branches, teacher: Teacher, evaluations: int) -> FittedSchedule:
    """The schedule of so many evaluations whose videos come nearest to the teacher's, of those fitted to all plans.

    A plan's cost counts errors of single steps, so the plan of the least cost need not give the best videos.

    Args:
        velocities: as in `fitting.record_teacher`, of the same videos.
        teacher: what is to be followed.
        evaluations: see `plans_of`.
    """
    fits = [fit_schedule(velocities, teacher, plan) for plan in plans_of(teacher, evaluations)]
    return max(fits, key=lambda fit: fit.psnr(teacher)).schedule


def plans_of(teacher: Teacher, evaluations: int) -> list[Plan]:
    """Different plans of so many evaluations, each the best that a local search finds from its start.

    The network is not evaluated.

    Raises:
        ValueError: fewer evaluations than one of each branch, or more than the teacher's.
    """
    nulls = len(teacher.terms)
    most = (nulls + 1) * len(teacher.estimates)
    if not nulls + 1 <= evaluations <= most:
        raise ValueError(f"evaluations must be {nulls + 1} to {most}, got {evaluations}")
    cost = PlanCost(teacher)
    found = dict.fromkeys(_improved(cost, start) for start in _starts(len(teacher.estimates), evaluations, nulls))
    return [_plan(candidate, cost.names, teacher.timesteps) for candidate in found]


def _plan(candidate: Candidate, names: Sequence[str], timesteps: Sequence[int]) -> Plan:
    evaluated = tuple(
        tuple(name for name, at in zip(names, candidate.nulls, strict=True) if position in at)
        for position in range(len(candidate.steps))
    )
    return Plan(tuple(timesteps[step] for step in candidate.steps), evaluated)


def _starts(available: int, evaluations: int, nulls: int) -> Iterator[Candidate]:
    """Evenly spaced candidates, from many null branches to few."""
    for share in (0.45, 0.5, 0.55, 0.6, 0.7) if nulls else (1.0,):
        steps = min(max(round(share * evaluations), -(-evaluations // (nulls + 1))), evaluations - nulls, available)
        rest = evaluations - steps
        counts = [rest // nulls + (number < rest % nulls) for number in range(nulls)]
        if max(counts, default=0) <= steps:
            yield Candidate(_evenly(steps, available), tuple(frozenset(_evenly(count, steps)) for count in counts))


def _evenly(count: int, length: int) -> tuple[int, ...]:
    """`count` different indices from 0 to length - 1, the first being 0."""
    return tuple(k * length // count for k in range(count))


def _improved(cost: PlanCost, candidate: Candidate) -> Candidate:
    """The candidate after changes of one step or one null branch at a time, until none lowers the cost."""
    least, changed = cost(candidate), True
    while changed:
        changed = False
        for neighbor in [*_neighbors(candidate, cost.count)]:
            if (value := cost(neighbor)) < least * (1 - IMPROVEMENT):
                candidate, least, changed = neighbor, value, True
                break
    return candidate


def _neighbors(candidate: Candidate, available: int) -> Iterator[Candidate]:
    steps = candidate.steps
    for position in range(len(steps)):
        for move in MOVES:
            moved = (*steps[:position], steps[position] + move, *steps[position + 1 :])
            if 0 <= moved[0] and moved[-1] < available and all(a < b for a, b in zip(moved, moved[1:], strict=False)):
                yield Candidate(moved, candidate.nulls)
    for kind, evaluated in enumerate(candidate.nulls):
        for position in sorted(evaluated):
            for other in set(range(len(steps))) - evaluated:
                changed = (*candidate.nulls[:kind], evaluated - {position} | {other}, *candidate.nulls[kind + 1 :])
                yield Candidate(steps, changed)
