"""Previews while sampling: latents of mini through its own decoder, and a video as an animation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import comfy.utils
import latent_preview
import torch
from comfy.latent_formats import LatentFormat
from PIL import Image, ImageOps

from ... import higen_core as hg

FRAMES = 8
"""Frames of a preview. The decoder of mini takes about a tenth of a sampling step for them."""
MAX_SIZE = 256
"""Pixels of the longer side of an animation, which is sent after every step."""


class DecodedLatents:
    """Latents (b, 4, h, w) -> latents (b, 4, 8 h, 8 w) whose colors are those of the decoded images.

    It takes the place of `latent_rgb_factors_reshape`, which ComfyUI's previews call before they apply the linear map
    from latents to colors; so KSampler, too, shows decoded images. Previews of other extensions that know only the
    linear map apply it to the latents themselves.
    """

    def __init__(self, format: LatentFormat, source: str):
        self.source = source
        self.factors = torch.tensor(format.latent_rgb_factors)
        self.bias = torch.tensor(format.latent_rgb_factors_bias or [0.0, 0.0, 0.0])

    @torch.no_grad()
    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        images = decoder(self.source, latents.device).decode(latents).clamp(-1, 1)
        colors = images.movedim(1, -1).to(latents) - self.bias.to(latents)
        return (colors @ torch.linalg.pinv(self.factors).to(latents)).movedim(-1, 1)


@cache
def decoder(source: str, device: torch.device) -> hg.VAE:
    """A VAE of this pack, kept on a device for previews."""
    return hg.load_vae(source).to(device)


def preview_callback(patcher: Any, steps: int, fps: float) -> Callable:
    """The callback of a sampler for ComfyUI's progress bar and previews: a video moves in them.

    Where another extension has replaced ComfyUI's previews, or they are switched off, it is ComfyUI's own callback.
    """
    previewer = latent_preview.get_previewer(patcher.load_device, patcher.model.latent_format)
    makers = {type(previewer).__module__, latent_preview.prepare_callback.__module__}
    if makers != {latent_preview.__name__}:
        return latent_preview.prepare_callback(patcher, steps)
    bar = comfy.utils.ProgressBar(steps)

    def callback(step: int, x0: torch.Tensor, x: torch.Tensor, total: int) -> None:
        chosen = frame_indices(len(x0))
        images = [previewer.decode_latent_to_preview_image("JPEG", x0[i : i + 1]) for i in chosen]
        preview = images[0] if len(chosen) == 1 else animation(images, step, len(x0) / fps)
        bar.update_absolute(step + 1, total, preview)

    return callback


def frame_indices(frames: int) -> list[int]:
    """At most FRAMES frames of a video, evenly spaced."""
    count = min(frames, FRAMES)
    return [frames * i // count for i in range(count)]


def animation(images: list[tuple], first: int, seconds: float) -> tuple[str, Image.Image, None]:
    """A preview of ComfyUI that is an animated PNG.

    The page of the classic renderer shows only the first image of an animation. Each step starts with the next
    image, so that the video moves there, too.

    Args:
        images: previews (format, image, largest size) of the frames.
        first: number of the image to start with, modulo their number.
        seconds: duration of all images.
    """
    start = first % len(images)
    frames = [fitted(image, size) for _, image, size in [*images[start:], *images[:start]]]
    milliseconds = round(1000 * seconds / len(frames))
    image, *others = frames
    image.save = partial(image.save, save_all=True, append_images=others, duration=milliseconds, loop=0)
    return "PNG", image, None


def fitted(image: Image.Image, size: int) -> Image.Image:
    """The same image, enlarged or made smaller to the size of an animation."""
    side = min(size, MAX_SIZE)
    return ImageOps.contain(image, (side, side), Image.Resampling.BICUBIC)
