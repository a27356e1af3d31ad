"""The guided velocity of a run in which some branches are forecast."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ..guidance import Branches, Velocity, guided
from ..schedule import alpha_sigma
from ..windows import Windows, velocity_in_windows
from .forecast import COND, AcceleratedRun

Change = Callable[[Velocity], Velocity]


def video_velocity(
    part: Callable[[Sequence[int] | None], tuple[Branches, Change]],
    windows: Windows,
    nulls: Sequence[tuple[str, float]],
    timesteps: Sequence[int],
    run: AcceleratedRun | None,
) -> Velocity:
    """The guided velocity of a clip, in one window or several.

    Args:
        part: gives the branches of some of the frames, None for all, and how their estimates are changed.
        nulls, timesteps, run: as in `accelerated_guidance`; None for a run that leaves nothing out.
    """
    if run is None:

        def velocity_of(frames: Sequence[int] | None = None) -> Velocity:
            velocities, change = part(frames)
            return change(guided(velocities, [scale for _, scale in nulls]))

        return velocity_in_windows(velocity_of, windows, timesteps) if windows.needed else velocity_of()

    def branches(frames: Sequence[int] | None = None) -> Branches:
        return changed_branches(*part(frames))

    velocities = branches_in_windows(branches, windows, timesteps) if windows.needed else branches()
    return accelerated_guidance(velocities, nulls, run, timesteps)


def accelerated_guidance(
    velocities: Branches, nulls: Sequence[tuple[str, float]], run: AcceleratedRun, timesteps: Sequence[int]
) -> Velocity:
    """As `guidance.guided`, with what a run leaves out.

    Args:
        velocities: of the branches: 0 under all conditions, then one for each of `nulls`.
        nulls: the name of the condition that is null in a branch, and its guidance scale.
        run: of this sampling, and of no other.
        timesteps: those that the sampler visits, in their order.
    """
    names, steps = [name for name, _ in nulls], {t: step for step, t in enumerate(timesteps)}
    numbers = {name: number for number, name in enumerate([COND, *names])}

    def forecast(x: Tensor, t: int, wanted: Sequence[int]) -> list[Tensor]:
        alpha, sigma = alpha_sigma(t, x)

        def evaluate(names: Sequence[str]) -> dict[str, Tensor]:
            found = velocities(x, t, [numbers[name] for name in names])
            return {name: alpha * x - sigma * v for name, v in zip(names, found, strict=True)}

        estimates = run.step(steps[t], level_at(t), names, evaluate)
        return [(alpha * x - estimates[name]) / sigma for name in (COND, *names)]

    return guided(forecast, [scale for _, scale in nulls])


def changed_branches(velocities: Branches, change: Callable[[Velocity], Velocity]) -> Branches:
    """Branches with the estimates of clean frames changed in each. Changes are affine and the weights of guidance sum
    to 1, so this is what changing the guided estimates gives."""
    return lambda x, t, wanted: [change(lambda *_, v=v: v)(x, t) for v in velocities(x, t, wanted)]


def branches_in_windows(
    branches_of: Callable[[Sequence[int]], Branches], windows: Windows, timesteps: Sequence[int]
) -> Branches:
    """The velocities of a clip in each branch; arguments as in `windows.velocity_in_windows`."""
    branches_of = lru_cache(maxsize=len(windows.indices()))(branches_of)

    def velocities(x: Tensor, t: int, wanted: Sequence[int]) -> list[Tensor]:
        def stacked_of(frames: Sequence[int]) -> Velocity:
            of_window = branches_of(frames)
            return lambda stacked, t: torch.cat(of_window(stacked[: len(x)], t, wanted))

        stacked = velocity_in_windows(stacked_of, windows, timesteps)
        return list(stacked(torch.cat([x] * len(wanted)), t).chunk(len(wanted)))

    return velocities


def level_at(t: int) -> float:
    """Half the log-SNR, log(alpha / sigma); minus infinity at t = 999."""
    alpha, sigma = (float(value) for value in alpha_sigma(t, torch.zeros(1)))
    return math.log(alpha / sigma) if alpha > 0 else -math.inf
