"""The noise schedule: 1000 steps, scaled-linear betas, zero terminal SNR, v-prediction.

Symbols: x0 clean latent, eps noise, x_t = alpha x0 + sigma eps, v = alpha eps - sigma x0 (Salimans and Ho 2022).
Rescaling to zero terminal SNR is Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps Are Flawed".
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

STEPS = 1000
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


def alpha_sigma(t: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and sigma at the time steps t, shaped to multiply `like` (b, ...)."""
    alpha2 = alphas_cumprod()[torch.as_tensor(t).cpu()].reshape(-1, *[1] * (like.ndim - 1))
    alpha, sigma = alpha2.sqrt(), (1 - alpha2).sqrt()
    return alpha.to(like.device, torch.float32), sigma.to(like.device, torch.float32)


def add_noise(x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    alpha, sigma = alpha_sigma(t, x0)
    return alpha * x0 + sigma * eps


def velocity(x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """What the denoiser learns to predict."""
    alpha, sigma = alpha_sigma(t, x0)
    return alpha * eps - sigma * x0


def split(x: Tensor, v: Tensor, t: Tensor | int) -> tuple[Tensor, Tensor]:
    """Estimates of x0 and eps from a noisy x and its velocity; finite at every step, also where alpha is 0."""
    alpha, sigma = alpha_sigma(t, x)
    return alpha * x - sigma * v, sigma * x + alpha * v


def timesteps(steps: int) -> list[int]:
    """The time steps that a sampler visits, falling. 50 steps visit 981, 961, ... 1; 500 and more visit 999 too."""
    if not 1 <= steps <= STEPS:
        raise ValueError(f"steps must be between 1 and {STEPS}, got {steps}")
    return [min(k * STEPS // steps + 1, STEPS - 1) for k in reversed(range(steps))]
