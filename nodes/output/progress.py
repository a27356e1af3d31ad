"""Progress bar, previews and cancellation while a sampler runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import comfy.latent_formats
import comfy.model_management
import comfy.utils
import latent_preview
import torch
from einops import rearrange
from PIL import Image

from ...higen_core import ModelInfo, SamplerStep

PREVIEW_FRAMES = 3
"""Frames in a preview, evenly spaced, side by side: the first, the middle and the last."""
MIN_PREVIEW_SIZE = 256
"""Pixels of the longer side of a preview; smaller ones are enlarged."""


def follow(steps: Iterable[SamplerStep], total: int, preview: Callable[[torch.Tensor], Any]) -> torch.Tensor:
    """Runs a sampler to its end, with a progress bar; the user can cancel between two steps.

    Args:
        steps: of a sampler of `higen_core`.
        total: the number of steps.
        preview: makes a preview of a step's x0; see `previewer`.

    Returns:
        x of the last step.
    """
    bar = comfy.utils.ProgressBar(total)
    comfy.model_management.throw_exception_if_processing_interrupted()
    for index, step in enumerate(steps, start=1):
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update_absolute(index, total, preview(step.x0))
    return step.x


def previewer(device: torch.device, info: ModelInfo) -> Callable[[torch.Tensor], Any]:
    """Makes the function that turns x0 (b, c, f, h, w) into a preview for ComfyUI's progress bar.

    Previews are of the kind that the user has set, none among them. Latents become colors by `info.rgb_factors` and
    `info.rgb_bias`, or as in Stable Diffusion 1.5 where the weights state none.
    """
    latent_format = comfy.latent_formats.SD15()
    if info.rgb_factors:
        latent_format.latent_rgb_factors = info.rgb_factors
        latent_format.latent_rgb_factors_bias = info.rgb_bias
        latent_format.taesd_decoder_name = None
    comfy_previewer = latent_preview.get_previewer(device, latent_format)

    def preview(x0: torch.Tensor) -> Any:
        if comfy_previewer is None:
            return None
        format, image, max_size = comfy_previewer.decode_latent_to_preview_image("JPEG", side_by_side(x0))
        return format, enlarged(image), max_size

    return preview


def side_by_side(x0: torch.Tensor) -> torch.Tensor:
    """PREVIEW_FRAMES frames in a row: b c f h w -> b c h (f w). A clip of fewer frames gives all of them."""
    frames = x0.shape[2]
    indices = sorted({i * (frames - 1) // (PREVIEW_FRAMES - 1) for i in range(PREVIEW_FRAMES)})
    return rearrange(x0[:, :, indices], "b c f h w -> b c h (f w)")


def enlarged(image: Image.Image) -> Image.Image:
    """The image at the smallest integer multiple of its size that reaches MIN_PREVIEW_SIZE."""
    factor = -(-MIN_PREVIEW_SIZE // max(image.size))
    if factor == 1:
        return image
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
