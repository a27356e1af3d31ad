"""Converts LATENT (not scaled, frames in the batch) to the tensors of the core (scaled, b c f h w) and back."""

from __future__ import annotations

import torch
from comfy.model_management import intermediate_device
from einops import rearrange

from ..higen_core import LATENT_SCALE


def check_size(name: str, pixels: int, step: int) -> None:
    """Raises ValueError unless `pixels` is a positive multiple of `step`."""
    if pixels < step or pixels % step:
        raise ValueError(f"{name} must be a positive multiple of {step} pixels for this model, got {pixels}")


def to_prior(latent: dict, step: int) -> torch.Tensor:
    """Converts the LATENT of one image to a spatial prior (1, 4, h, w).

    Args:
        latent: of any stock node for Stable Diffusion 1.5 or 2.x.
        step: width and height in pixels must be multiples of it.

    Raises:
        ValueError: several images, a wrong shape, or NaN or infinite values.
    """
    samples = latent["samples"]
    if samples.ndim != 4 or samples.shape[1] != 4:
        raise ValueError(
            f"prior must be a picture's latent (1, 4, height/8, width/8) as of Stable Diffusion 1.5 or 2.x, "
            f"got {tuple(samples.shape)}"
        )
    if samples.shape[0] != 1:
        raise ValueError(f"prior must be one picture, got {samples.shape[0]} latents; pick one with Latent From Batch")
    for name, side in zip(("prior height", "prior width"), samples.shape[2:], strict=True):
        check_size(name, 8 * side, step)
    if not torch.isfinite(samples).all():
        raise ValueError("prior has NaN or infinite values; the node that made it overflowed in half precision")
    return samples.float() * LATENT_SCALE


def from_core(latents: torch.Tensor) -> dict:
    """Converts latents b c f h w to a LATENT with all frames in the batch."""
    samples = rearrange(latents, "b c f h w -> (b f) c h w").float()
    return {"samples": samples.to(intermediate_device()) / LATENT_SCALE}
