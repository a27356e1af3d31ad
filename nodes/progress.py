"""What a user sees while sampling: the progress bar, a preview, and a cancel button that works."""

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

PREVIEW_FRAMES = 3  # first, middle, last, side by side
SMALLEST_PREVIEW = 256  # pixels; an 8x8 latent would be a speck


def follow(steps: Iterable[Any], total: int, preview: Callable[[torch.Tensor], Any]) -> torch.Tensor:
    """Runs a sampler of `higen_core` to its end and returns its last latents. A cancel takes effect within one step."""
    bar = comfy.utils.ProgressBar(total)
    comfy.model_management.throw_exception_if_processing_interrupted()
    for done, step in enumerate(steps, start=1):
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update_absolute(done, total, preview(step.x0))
    return step.x


def previewer(device: torch.device, info: dict[str, Any]) -> Callable[[torch.Tensor], Any]:
    """From a step's clean estimate (b, c, f, h, w) to what ComfyUI's progress bar shows, by the user's preview setting.

    Weights with a VAE of their own bring `rgb_factors` (4 x 3, latent to colour) and `rgb_bias` (3); others use Stable
    Diffusion 1.5's.
    """
    latent_format = comfy.latent_formats.SD15()
    if "rgb_factors" in info:
        latent_format.latent_rgb_factors = info["rgb_factors"]
        latent_format.latent_rgb_factors_bias = info["rgb_bias"]
        latent_format.taesd_decoder_name = None
    shower = latent_preview.get_previewer(device, latent_format)

    def preview(x0: torch.Tensor) -> Any:
        if shower is None:
            return None
        kind, image, largest = shower.decode_latent_to_preview_image("JPEG", strip(x0))
        return kind, enlarged(image), largest

    return preview


def strip(x0: torch.Tensor) -> torch.Tensor:
    """A few frames spread over the clip, side by side: b c f h w -> b c h w."""
    frames = x0.shape[2]
    picked = sorted({i * (frames - 1) // (PREVIEW_FRAMES - 1) for i in range(PREVIEW_FRAMES)})
    return rearrange(x0[:, :, picked], "b c f h w -> b c h (f w)")


def enlarged(image: Image.Image) -> Image.Image:
    times = -(-SMALLEST_PREVIEW // max(image.size))
    return image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC) if times > 1 else image
