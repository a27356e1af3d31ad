"""Samplers. Each is a generator of steps, so progress bars, previews and cancellation are up to the caller."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .guidance import Velocity
from .schedule import alpha_sigma, check_timesteps, x0_and_eps


@dataclass(frozen=True)
class SamplerStep:
    """State after step `index` (1 ... steps) of `steps`: the noisy latents x and the estimate x0 of the clean ones.

    Both have the shape of the noise. The x of the last step is the sample.
    """

    index: int
    steps: int
    x: Tensor
    x0: Tensor


def velocity_from_denoiser(denoise: Callable[[Tensor, Tensor], Tensor], sigmas: Mapping[int, Tensor]) -> Velocity:
    """The velocity of a network that a host gives as a denoiser in the convention of Karras et al. 2022, section 2.

    Args:
        denoise: `denoise(y, s)` estimates x0 from y = x0 + s eps, in the shape of y.
        sigmas: s of each time step.
    """

    def velocity(x: Tensor, t: int) -> Tensor:
        s = sigmas[t].to(x)
        alpha = (1 + s.square()).rsqrt()
        return (alpha * x - denoise(x / alpha, s)) / (s * alpha)

    return velocity


@torch.no_grad()
def ddim(velocity: Velocity, x: Tensor, timesteps: Sequence[int]) -> Iterator[SamplerStep]:
    """DDIM with eta 0 (Song et al. 2021, eq. 12). The last step goes to time step 0, as in the released implementation.

    Args:
        velocity: the velocity of x at a time step.
        x: noise (b, ...), or latents that are noised to the first time step.
        timesteps: the time steps to evaluate at, 0..999, strictly falling; see `schedule.timesteps`.

    Raises:
        ValueError: time steps that do not fall or lie out of range; raised at the first step.
    """
    timesteps = check_timesteps(timesteps)
    for index, (t, s) in enumerate(pairwise([*timesteps, 0]), start=1):
        x0, eps = x0_and_eps(x, velocity(x, t), t)
        alpha, sigma = alpha_sigma(s, x)
        x = alpha * x0 + sigma * eps
        yield SamplerStep(index, len(timesteps), x, x0)


@torch.no_grad()
def dpmpp_2m(velocity: Velocity, x: Tensor, timesteps: Sequence[int]) -> Iterator[SamplerStep]:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), about as accurate as DDIM in half the steps.

    Arguments and errors are those of `ddim`. Steps that end at t = 1 or t = 0 are of first order: they cover so much of
    the log-SNR that the extrapolation overshoots. The sample is the last estimate of x0, without noise; that of `ddim`
    keeps the noise of t = 0 (sigma 0.03).
    """
    timesteps = check_timesteps(timesteps)
    previous: tuple[Tensor, float] | None = None  # x0 of the step before, and its step in half the log-SNR
    for index, (t, s) in enumerate(pairwise([*timesteps, 0]), start=1):
        last = index == len(timesteps)
        x0, _ = x0_and_eps(x, velocity(x, t), t)
        h = _half_log_snr(s) - _half_log_snr(t)
        estimate = x0
        if previous and math.isfinite(previous[1]) and not last and s > 1:
            estimate = x0 + 0.5 * h / previous[1] * (x0 - previous[0])
        (alpha, sigma), (alpha_t, sigma_t) = alpha_sigma(s, x), alpha_sigma(t, x)
        x = x0 if last else sigma / sigma_t * x + (alpha - sigma / sigma_t * alpha_t) * estimate
        previous = x0, h
        yield SamplerStep(index, len(timesteps), x, x0)


def _half_log_snr(t: int) -> float:
    """lambda_t = log(alpha / sigma); minus infinity at t = 999."""
    alpha, sigma = (float(value) for value in alpha_sigma(t, torch.zeros(1)))
    return math.log(alpha / sigma) if alpha > 0 else -math.inf


SAMPLERS = {"ddim": ddim, "dpmpp_2m": dpmpp_2m}
