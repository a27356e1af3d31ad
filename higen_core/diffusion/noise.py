"""Gaussian noise: drawn on the CPU from a seed, and correlated between frames where the motion cue is low."""

from __future__ import annotations

import torch
from torch import Tensor

OFFSET_NOISE = 0.1
"""Weight of the per-frame, per-channel offset noise that the video stage adds to its white noise."""


UNCORRELATED, IDENTICAL = 1e4, 1e-10
"""-log(rho) of frames of a loop whose noise is independent, and of those whose noise is the same."""


def draw_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """White noise of any shape, float32, drawn on the CPU so that a seed gives the same video on every device."""
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def draw_video_noise(seed: int, shape: tuple[int, int, int, int, int]) -> tuple[Tensor, Tensor]:
    """White noise (b, c, f, h, w) and offset noise (b, c, f, 1, 1) from one seed, drawn as in `draw_noise`."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(shape, generator=generator), torch.randn((*shape[:3], 1, 1), generator=generator)


def draw_correlated_noise(
    seed: int, shape: tuple[int, int, int, int, int], motion: Tensor, correlation: float, loop: bool = False
) -> Tensor:
    """The noise that the temporal stage starts from, (b, c, f, h, w): `draw_video_noise`, added up and correlated.

    Args:
        seed, shape: as in `draw_video_noise`.
        motion, correlation: as in `correlate_noise`; motion may lack the batch, the same for all videos.
        loop: correlate the last frame with the first too, as in `correlate_loop`.
    """
    noise, offset_noise = draw_video_noise(seed, shape)
    motion = motion.expand(shape[0], *motion.shape) if motion.ndim in (1, 3) else motion
    correlate = correlate_loop if loop else correlate_noise
    return correlate(noise + OFFSET_NOISE * offset_noise, motion, correlation)


def correlate_noise(noise: Tensor, motion: Tensor, correlation: float) -> Tensor:
    """Noise whose correlation between neighboring frames rises as the motion between them falls.

    This is the progressive noise model of PYoCo (Ge et al. 2023) with a coefficient that depends on the motion cue:
    eps_i = rho_i eps_(i-1) + sqrt(1 - rho_i^2) white_i, where rho_i = exp(-(motion_i / correlation)^2). Each frame
    still has standard normal noise. A static clip is then not denoised from independent noise in each frame.

    Args:
        noise: white noise (b, c, f, h, w).
        motion: motion cues (b, f - 1), or (b, f - 1, h, w) for each position by itself; 0..1000, and the null cue,
            below 0, gives rho = 0.
        correlation: motion at which rho is 1/e; 0 returns the noise unchanged.

    Returns:
        (b, c, f, h, w).
    """
    if correlation == 0:
        return noise
    rhos = torch.exp(-(motion.to(noise) / correlation).square()) * (motion >= 0)
    frames = [noise[:, :, 0]]
    for white, rho in zip(noise.unbind(2)[1:], rhos.unbind(1), strict=True):
        rho = rho[:, None] if rho.ndim == 3 else rho.view(-1, 1, 1, 1)
        frames.append(rho * frames[-1] + (1 - rho.square()).sqrt() * white)
    return torch.stack(frames, dim=2)


def correlate_loop(noise: Tensor, motion: Tensor, correlation: float) -> Tensor:
    """As `correlate_noise`, for a clip whose first frame follows its last.

    rho_0, of the step from the last frame to the first, is that of the mean motion. The recursion
    eps_i = rho_i eps_(i-1) + sqrt(1 - rho_i^2) white_i then has one periodic solution. With P, the product of all rho,
    its variance is (1 + P) / (1 - P) in every frame, which is divided out. Neighbors have the correlation
    (rho + P / rho) / (1 + P): both ways around the loop count.
    """
    if correlation == 0:
        return noise
    seam = motion.float().mean(dim=1, keepdim=True).round()
    seam = torch.where((motion < 0).any(dim=1, keepdim=True), -1.0, seam)
    steps = torch.cat([seam, motion.to(seam)], dim=1)
    lengths = torch.where(steps < 0, UNCORRELATED, (steps / correlation).square()).clamp(min=IDENTICAL).to(noise)
    lengths = lengths[:, None] if lengths.ndim == 4 else lengths[:, None, :, None, None]  # -log(rho), b 1 f h w
    total = lengths.sum(dim=2)
    frames = [torch.zeros_like(noise[:, :, 0])]
    for white, length in zip(noise.unbind(2), lengths.unbind(2), strict=True):
        frames.append((-length).exp() * frames[-1] + (-torch.expm1(-2 * length)).sqrt() * white)
    last = frames[-1] / -torch.expm1(-total)
    periodic = torch.stack(frames[1:], dim=2) + (-lengths.cumsum(dim=2)).exp() * last[:, :, None]
    return periodic * (-torch.expm1(-total) / (1 + (-total).exp())).sqrt()[:, :, None]
