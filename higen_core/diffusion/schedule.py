"""The noise schedule: 1000 steps, scaled-linear betas, zero terminal SNR, v-prediction.

Symbols: x0 clean latent, eps noise, x_t = alpha x0 + sigma eps, v = alpha eps - sigma x0 (Salimans and Ho 2022).
Rescaling to zero terminal SNR is Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps Are Flawed".
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from ..models.info import SPACINGS

STEPS = 1000
"""Time steps of the training: t is 0..999."""
BETA_FIRST, BETA_LAST = 0.00085, 0.012


@lru_cache(maxsize=1)
def alphas_cumprod() -> Tensor:
    """alpha^2 at each of the 1000 steps, float64 (1000,); the last is 0."""
    betas = torch.linspace(BETA_FIRST**0.5, BETA_LAST**0.5, STEPS, dtype=torch.float64) ** 2
    alpha = torch.cumprod(1 - betas, 0).sqrt()
    alpha = (alpha - alpha[-1]) * alpha[0] / (alpha[0] - alpha[-1])
    return alpha**2


def betas() -> Tensor:
    """The rescaled betas, float64 (1000,); the last is 1."""
    alpha2 = alphas_cumprod()
    return torch.cat([1 - alpha2[:1], 1 - alpha2[1:] / alpha2[:-1]])


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # else what is made while sampling could not be trained with
def alphas_and_sigmas(device: torch.device) -> tuple[Tensor, Tensor]:
    """alpha and sigma at each of the 1000 steps, float32 (1000,), made once a device: no step of a sampler waits for a
    copy to it."""
    alpha2 = alphas_cumprod()
    return alpha2.sqrt().to(device, torch.float32), (1 - alpha2).sqrt().to(device, torch.float32)


def alpha_sigma(t: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and sigma at the time steps t, 0..999, (b,) or one for all: float32, shaped to multiply `like` (b, ...)."""
    t = t.to(like.device) if isinstance(t, Tensor) else t
    shape = (-1, *[1] * (like.ndim - 1))
    alpha, sigma = (values[t].reshape(shape) for values in alphas_and_sigmas(like.device))
    return alpha, sigma


def add_noise(x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """x_t = alpha x0 + sigma eps, in the shape of x0 (b, ...), for time steps t (b,)."""
    alpha, sigma = alpha_sigma(t, x0)
    return alpha * x0 + sigma * eps


def velocity(x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """v = alpha eps - sigma x0, which the denoiser learns to predict; shapes as in `add_noise`."""
    alpha, sigma = alpha_sigma(t, x0)
    return alpha * eps - sigma * x0


def x0_and_eps(x: Tensor, v: Tensor, t: Tensor | int) -> tuple[Tensor, Tensor]:
    """Estimates of x0 and eps from x_t and its velocity; finite at every step, including t = 999, where alpha is 0."""
    alpha, sigma = alpha_sigma(t, x)
    return alpha * x - sigma * v, sigma * x + alpha * v


def timesteps(steps: int, spacing: str = "leading") -> list[int]:
    """The time steps at which a sampler evaluates the denoiser, strictly falling.

    "leading" is the spacing of the released implementation: 50 steps visit 981, 961, ... 1, and only 500 or more start
    at t = 999, where the signal-to-noise ratio is zero. "trailing" always starts there (Lin et al. 2024, table 2): 50
    steps visit 999, 979, ... 19.

    Raises:
        ValueError: steps outside 1..1000, or an unknown spacing.
    """
    if not 1 <= steps <= STEPS:
        raise ValueError(f"steps must be between 1 and {STEPS}, got {steps}")
    if spacing == "leading":
        offset = int(steps < STEPS)
        return [k * STEPS // steps + offset for k in reversed(range(steps))]
    if spacing == "trailing":
        return [round((k + 1) * STEPS / steps) - 1 for k in reversed(range(steps))]
    raise ValueError(f"spacing must be one of {', '.join(SPACINGS)}, got {spacing!r}")


def check_timesteps(timesteps: Iterable[int]) -> list[int]:
    """The time steps as a list of Python integers.

    Raises:
        ValueError: none at all, one that is not an integer in 0..999, or one that does not fall below the one before.
    """
    try:
        checked = [operator.index(t) for t in timesteps]
    except TypeError:
        raise ValueError(f"timesteps must be integers, got {timesteps!r}") from None
    if not checked:
        raise ValueError("timesteps must not be empty")
    if any(t <= following for t, following in pairwise(checked)) or checked[0] >= STEPS or checked[-1] < 0:
        raise ValueError(f"timesteps must be strictly falling and lie in 0..{STEPS - 1}, got {checked}")
    return checked
