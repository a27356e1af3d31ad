"""Contact sheets of what a training produces: prompts sampled in few steps, with fixed noise, a row each."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from ..cues.cues import Cues
from ..diffusion.noise import draw_noise, draw_video_noise
from ..diffusion.pipeline import sample_prior, sample_video
from ..models.clip import CLIP
from ..models.unet import UNet
from ..models.vae import VAE

COLUMNS = 4  # frames of each video, after its prior


def tile(images: Tensor) -> Tensor:
    """Images (rows, columns, h, w, 3) as one image (rows * h, columns * w, 3)."""
    return rearrange(images, "r n h w c -> (r h) (n w) c")


@torch.no_grad()
def sample_sheet(
    unet: UNet, vae: VAE, clip: CLIP, prompts: list[str], steps: int, guidance: float, seed: int = 0
) -> Tensor:
    """Samples each prompt: a row of the prior and four frames; all as one image (h, w, 3) in [0, 1].

    Length and size are those in `unet.info`. The cues are those of a calm clip: motion 300, appearance factor 0.
    """
    info, b, channels = unet.info, len(prompts), unet.config.in_dim
    h, w = info.height // vae.downscale, info.width // vae.downscale
    text, uncond = clip.encode_text(prompts), clip.encode_text([""])
    options = {"steps": steps, "guidance": guidance, "sampler": "dpmpp_2m"}
    prior = sample_prior(unet, text, uncond, noise=draw_noise(seed, (b, channels, 1, h, w)), **options)
    noise, offset_noise = draw_video_noise(seed, (b, channels, info.frames, h, w))
    cues = Cues.constant(info.frames, motion=300, appearance=0.0)
    video = sample_video(unet, text, uncond, prior=prior, cues=cues, noise=noise, offset_noise=offset_noise, **options)
    shown = torch.linspace(0, info.frames - 1, min(COLUMNS, info.frames)).round().long().to(video.device)
    return tile(vae.decode_video(torch.cat([prior[:, :, None], video[:, :, shown]], dim=2), chunk=1))
