"""Checks of LATENTs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from comfy.model_management import intermediate_device

from ..higen_core import Cues, blend_priors, key_frames

LATENT_CHANNELS = 4
TIMES = "higen_times"
"""Key in the LATENT of several priors of the times at which they hold, 0 at the first frame and 1 at the last."""
KEEP = "higen_keep"
"""Key in the same LATENT: whether these frames show exactly their priors."""


def check_size(name: str, pixels: int, step: int) -> None:
    """Raises ValueError unless `pixels` is a positive multiple of `step`."""
    if pixels < step or pixels % step:
        raise ValueError(f"{name} must be a positive multiple of {step} pixels for this model, got {pixels}")


def frames_and_size(shape: Sequence[int]) -> tuple[int, int, int]:
    """Frames, height and width of a LATENT of this shape, in latent cells.

    Raises:
        ValueError: it is not that of images, (frames, 4, height, width).
    """
    if len(shape) != 4 or shape[1] != LATENT_CHANNELS:
        raise ValueError(
            f"the latent must be (frames, 4, height/8, width/8) for HiGen, got {tuple(shape)}: use Empty Latent Image "
            "for a spatial prior, and the latent of HiGen Apply Cues for a video"
        )
    return shape[0], shape[2], shape[3]


def check_prior(latent: dict[str, Any], step: int = 8, frames: int = 1) -> torch.Tensor:
    """The samples of a prior: (1, 4, h, w), or one for each of so many frames, (frames, 4, h, w).

    One prior is the LATENT of an image, as stock nodes for Stable Diffusion 1.5 or 2.x make it; several are that of
    HiGen Prior Track.

    `step`: width and height in pixels must be multiples of it.

    Raises:
        ValueError: several images without times, a wrong shape, or NaN or infinite values.
    """
    samples = check_image_latent("prior", latent, step)
    if TIMES in latent:
        return samples if len(samples) == 1 else blend_priors(samples, latent[TIMES], frames)
    if len(samples) != 1:
        raise ValueError(
            f"prior must be one picture, got {len(samples)} latents; pick one with Latent From Batch, or give each a "
            "time with HiGen Prior Track"
        )
    return samples


def kept_frames(latent: dict[str, Any], frames: int) -> torch.Tensor | None:
    """Which frames of a video show exactly their priors, (frames,) bool; None if there are none.

    A track of one prior keeps none: it is that prior.
    """
    if not latent.get(KEEP) or len(latent["samples"]) == 1:
        return None
    keys = torch.tensor(key_frames(latent[TIMES], frames))
    return torch.zeros(frames, dtype=torch.bool).index_fill(0, keys, True)


def check_image_latent(name: str, latent: dict[str, Any], step: int = 8) -> torch.Tensor:
    """The samples of a LATENT of images, (n, 4, h, w), float32. `name` is what error messages call it."""
    samples = latent["samples"]
    if samples.ndim != 4 or samples.shape[1] != LATENT_CHANNELS:
        raise ValueError(
            f"{name} must be a picture's latent (1, 4, height/8, width/8) as of Stable Diffusion 1.5 or 2.x, "
            f"got {tuple(samples.shape)}"
        )
    for axis, side in zip(("height", "width"), samples.shape[2:], strict=True):
        check_size(f"{name} {axis}", 8 * side, step)
    if not torch.isfinite(samples).all():
        raise ValueError(f"{name} has NaN or infinite values; the node that made it overflowed in half precision")
    return samples.float()


def empty_video(cues: Cues, prior: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The LATENT of an empty video with the length of the cues and the size of the prior."""
    return {"samples": torch.zeros(cues.frames, *prior["samples"].shape[1:], device=intermediate_device())}
