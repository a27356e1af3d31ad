"""Pictures of what a training has come to: prompts sampled in few steps, with fixed noise, laid out in rows."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from ..cues import Cues
from ..pipeline import draw_noise, draw_video_noise, sample_prior, sample_video
from ..text import CLIP
from ..unet import UNet
from ..vae import VAE

COLUMNS = 4  # frames of each video that are shown, after its prior


def rows_of(pictures: Tensor) -> Tensor:
    """(rows, columns, h, w, 3) -> one picture."""
    return rearrange(pictures, "r n h w c -> (r h) (n w) c")


@torch.no_grad()
def sampled(
    unet: UNet,
    vae: VAE,
    clip: CLIP,
    prompts: list[str],
    frames: int,
    size: tuple[int, int],
    steps: int,
    guidance: float,
    seed: int = 0,
) -> Tensor:
    """A row for each prompt, prior and four frames, as one picture (h, w, 3) in [0, 1].

    `size` is height and width in pixels; the cues are those of a calm clip: motion 300, appearance factor 0.
    """
    h, w, b = size[0] // vae.downscale, size[1] // vae.downscale, len(prompts)
    channels, device = unet.config.in_dim, unet.device
    text, uncond = clip.encode_text(prompts).to(device), clip.encode_text([""]).to(device)
    how = {"steps": steps, "guidance": guidance, "sampler": "dpmpp_2m"}
    prior = sample_prior(unet, text, uncond, noise=draw_noise(seed, (b, channels, 1, h, w)).to(device), **how)
    noise, offset = (part.to(device) for part in draw_video_noise(seed, (b, channels, frames, h, w)))
    cues = Cues.constant(frames, motion=300, appearance=0.0)
    video = sample_video(unet, text, uncond, prior=prior, cues=cues, noise=noise, offset_noise=offset, **how)
    shown = torch.linspace(0, frames - 1, min(COLUMNS, frames)).round().long()
    return rows_of(vae.decode_video(torch.cat([prior[:, :, None], video[:, :, shown.to(device)]], dim=2)))
