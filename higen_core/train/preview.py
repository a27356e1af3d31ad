"""What a training produces, to look at: images, and videos of prompts sampled in few steps, with fixed noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ..cues.cues import Cues
from ..diffusion.noise import draw_noise, draw_video_noise
from ..diffusion.pipeline import sample_prior, sample_video
from ..models.clip import CLIP
from ..models.unet import UNet
from ..models.vae import VAE


@dataclass(frozen=True)
class Film:
    """Frames (f, h, w, 3) in [0, 1], and how many a second."""

    frames: Tensor
    fps: float


def tile(images: Tensor) -> Tensor:
    """Images (rows, columns, h, w, 3) as one image (rows * h, columns * w, 3)."""
    return rearrange(images, "r n h w c -> (r h) (n w) c")


def sample_prompts(
    unet: UNet, vae: VAE, clip: CLIP, prompts: list[str], cues: Cues, steps: int, guidance: float, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Priors (b, c, h, w) and videos (b, c, f, h, w) of b prompts as latents, in the size of `unet.info`."""
    info, b, channels = unet.info, len(prompts), unet.config.in_dim
    h, w = info.height // vae.downscale, info.width // vae.downscale
    text, uncond = clip.encode_text(prompts), clip.encode_text([""])
    options = {"steps": steps, "guidance": guidance, "sampler": "dpmpp_2m"}
    prior = sample_prior(unet, text, uncond, noise=draw_noise(seed, (b, channels, 1, h, w)), **options)
    noise, offset_noise = draw_video_noise(seed, (b, channels, info.frames, h, w))
    video = sample_video(unet, text, uncond, prior=prior, cues=cues, noise=noise, offset_noise=offset_noise, **options)
    return prior, video


@torch.no_grad()
def sample_sheet(
    unet: UNet, vae: VAE, clip: CLIP, prompts: list[str], steps: int, guidance: float, seed: int = 0
) -> Film:
    """Samples each prompt: a row of the prior, which stands still, and the video beside it.

    The cues are those of a calm clip: motion 300, appearance factor 0.
    """
    cues = Cues.constant(unet.info.frames, motion=300, appearance=0.0)
    prior, video = sample_prompts(unet, vae, clip, prompts, cues, steps, guidance, seed)
    frames = vae.decode_video(torch.cat([prior[:, :, None], video], dim=2), chunk=1)
    images = (tile(torch.stack([frames[:, 0], frames[:, i]], dim=1)) for i in range(1, frames.shape[1]))
    return Film(torch.stack(list(images)), unet.info.fps)
