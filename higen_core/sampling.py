"""Guidance and samplers. A sampler is a generator: the caller drives it, and so owns progress, previews and cancel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
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


def guided(velocity: Callable[..., Tensor], guidance: float, cond: dict, uncond: dict, batch: bool) -> Velocity:
    """Classifier-free guidance (Ho and Salimans 2022): v_uncond + guidance * (v_cond - v_uncond).

    `velocity(x, t, **cond)` runs once per step on a batch of two or, with `batch` off, twice in half the memory.
    """

    def both(x: Tensor, t: int) -> Tensor:
        time = torch.full((len(x),), t, device=x.device)
        if guidance == 1:
            return velocity(x, time, **cond)
        if batch:
            pair = {name: torch.cat([value, uncond[name]]) for name, value in cond.items()}
            v, v_uncond = velocity(torch.cat([x, x]), torch.cat([time, time]), **pair).chunk(2)
        else:
            v, v_uncond = velocity(x, time, **cond), velocity(x, time, **uncond)
        return v_uncond + guidance * (v - v_uncond)

    return both


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
