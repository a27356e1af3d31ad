"""Checks of LATENTs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from comfy.model_management import intermediate_device

from ..higen_core import Cues

LATENT_CHANNELS = 4


def check_size(name: str, pixels: int, step: int) -> None:
    """Raises ValueError unless `pixels` is a positive multiple of `step`."""
    if pixels < step or pixels % step:
        raise ValueError(f"{name} must be a positive multiple of {step} pixels for this model, got {pixels}")


def frames_and_size(shape: Sequence[int]) -> tuple[int, int, int]:
    """Frames, height and width of a LATENT of this shape, in latent cells.

    Raises:
        ValueError: it is not that of pictures, (frames, 4, height, width).
    """
    if len(shape) != 4 or shape[1] != LATENT_CHANNELS:
        raise ValueError(
            f"the latent must be (frames, 4, height/8, width/8) for HiGen, got {tuple(shape)}: use Empty Latent Image "
            "for a spatial prior, and the latent of HiGen Apply Cues for a video"
        )
    return shape[0], shape[2], shape[3]


def check_prior(latent: dict[str, Any], step: int = 8) -> torch.Tensor:
    """The samples of the LATENT of one image, as stock nodes for Stable Diffusion 1.5 or 2.x make it: (1, 4, h, w).

    `step`: width and height in pixels must be multiples of it.

    Raises:
        ValueError: several images, a wrong shape, or NaN or infinite values.
    """
    samples = latent["samples"]
    if samples.ndim != 4 or samples.shape[1] != LATENT_CHANNELS:
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
    return samples.float()


def empty_video(cues: Cues, prior: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The LATENT of an empty video with the length of the cues and the size of the prior."""
    return {"samples": torch.zeros(cues.frames, *prior["samples"].shape[1:], device=intermediate_device())}
