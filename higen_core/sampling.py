"""Guidance and samplers. A sampler is a generator: the caller drives it, and so owns progress, previews and cancel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .schedule import alpha_sigma, split, timesteps

Velocity = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class Step:
    """State after step `index` of `steps` (from 1): the latents x and the estimate x0 of the clean ones."""

    index: int
    steps: int
    x: Tensor
    x0: Tensor


def guided(velocity: Callable[..., Tensor], cond: dict, unconds: Sequence[tuple[float, dict]], batch: bool) -> Velocity:
    """Classifier-free guidance (Ho and Salimans 2022), on several conditions at once (as Brooks et al. 2023).

    Each of `unconds` is a guidance and what is told with one condition left out: v + sum_k (guidance_k - 1) (v - v_k).
    A guidance of 1 costs nothing. `velocity(x, t, **known)` runs once per step on a batch of all of them or, with
    `batch` off, on one after the other in a part of the memory.
    """
    unconds = [(guidance, known) for guidance, known in unconds if guidance != 1]
    told = [cond, *(known for _, known in unconds)]

    def towards(x: Tensor, t: int) -> Tensor:
        time = torch.full((len(x),), t, device=x.device)
        if batch:
            joined = {name: torch.cat([known[name] for known in told]) for name in cond}
            v, *others = velocity(torch.cat([x] * len(told)), time.repeat(len(told)), **joined).chunk(len(told))
        else:
            v, *others = (velocity(x, time, **known) for known in told)
        return v + sum((guidance - 1) * (v - other) for (guidance, _), other in zip(unconds, others, strict=True))

    return towards


@torch.no_grad()
def ddim(velocity: Velocity, x: Tensor, steps: int) -> Iterator[Step]:
    """DDIM with eta 0 (Song et al. 2021, eq. 12)."""
    times = timesteps(steps)
    for index, (t, s) in enumerate(zip(times, [*times[1:], 0], strict=True), start=1):
        x0, eps = split(x, velocity(x, t), t)
        alpha, sigma = alpha_sigma(s, x)
        x = alpha * x0 + sigma * eps
        yield Step(index, steps, x, x0)


@torch.no_grad()
def dpmpp_2m(velocity: Velocity, x: Tensor, steps: int) -> Iterator[Step]:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2): as good as DDIM in about half the steps.

    The last two steps are of first order: they span so much of the log-SNR that extrapolating overshoots. It ends
    without noise, where DDIM as released leaves that of step 0 (sigma 0.03).
    """
    times = timesteps(steps)
    before: tuple[Tensor, float] | None = None  # estimate and log-SNR step of the step before
    for index, (t, s) in enumerate(zip(times, [*times[1:], 0], strict=True), start=1):
        x0, eps = split(x, velocity(x, t), t)
        h = _half_log_snr(s) - _half_log_snr(t)
        estimate = x0
        if before and math.isfinite(before[1]) and s > 1:
            estimate = x0 + 0.5 * h / before[1] * (x0 - before[0])
        (alpha, sigma), (alpha_t, sigma_t) = alpha_sigma(s, x), alpha_sigma(t, x)
        x = sigma / sigma_t * x + (alpha - sigma / sigma_t * alpha_t) * estimate if s else x0
        before = x0, h
        yield Step(index, steps, x, x0)


def _half_log_snr(t: int) -> float:
    alpha, sigma = (float(value) for value in alpha_sigma(t, torch.zeros(1)))
    return math.log(alpha / sigma) if alpha > 0 else -math.inf


SAMPLERS = {"ddim": ddim, "dpmpp_2m": dpmpp_2m}
