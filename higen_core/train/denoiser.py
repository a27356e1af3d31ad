"""Joint training of both stages (paper, section 3.4): pictures for the spatial one, clips for the temporal one.

The prior of a clip is its first frame; its cues are measured on its pixels.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import load_clip, load_unet, load_vae, save_network
from ..config import MINI
from ..cues import UNTOLD_APPEARANCE, UNTOLD_MOTION, resample_rows
from ..pipeline import OFFSET
from ..schedule import STEPS, add_noise, velocity
from ..text import CLIP
from ..unet import UNet
from ..vae import VAE
from . import sprites
from .clip import vocabulary
from .data import SpriteClips, rgb_factors, similarity_floor
from .loop import LoopConfig, train

CAPTION_DROPOUT = 0.1
CUE_DROPOUT = 0.05
PRIOR_DROPOUT = 0.05
TIME_POWER = 0.7
"""Time steps are drawn as 1000 u^0.7: more of them where the picture is still open, fewer where little noise is left."""


def _faded(size: int, generator: torch.Generator) -> Tensor:
    """Strengths of the prior (size,): 1 for nearly all, anything between 0 and 1 for some, so that it can be faded."""
    strength, faded = torch.rand(2, size, generator=generator)
    return strength.where(faded < PRIOR_DROPOUT, 1.0)


@dataclass(frozen=True)
class Sample:
    """What one forward sees: noisy latents and what the denoiser is told, plus the velocity it should find."""

    x: Tensor
    t: Tensor
    known: dict[str, Tensor]
    target: Tensor


@dataclass(frozen=True)
class Pools:
    """Where samples come from; `shards` of clips in the end."""

    pictures: SpriteClips
    clips: SpriteClips
    shards: int


class SpriteBatches:
    """Batch number i: pictures and, after the first `picture_steps`, clips.

    Both come from pools that grow by the step, so that training starts before all clips are drawn.
    """

    def __init__(self, pools: Pools, clip: CLIP, pictures: int, videos: int, picture_steps: int):
        self.pools, self.clip = pools, clip
        self.pictures, self.videos, self.picture_steps = pictures, videos, picture_steps

    def __getitem__(self, index: int) -> list[Sample]:
        rng = random.Random(f"batch {index}")
        generator = torch.Generator().manual_seed(index)
        if index < self.picture_steps:
            return [self._sample(self.pools.pictures, 2 * self.pictures, 2, rng, generator)]
        shards = min(self.pools.shards, 2 + (index - self.picture_steps) // 40)
        return [
            self._sample(self.pools.pictures, self.pictures, 2, rng, generator),
            self._sample(self.pools.clips, self.videos, shards, rng, generator),
        ]

    def _sample(
        self, pool: SpriteClips, size: int, shards: int, rng: random.Random, generator: torch.Generator
    ) -> Sample:
        """Noise as in sampling: white, and for clips a share of it common to all positions of a frame."""
        picks = [(shard := pool.shard(rng.randrange(shards)), rng.randrange(len(shard))) for _ in range(size)]
        x0 = torch.stack([shard.latents[i] for shard, i in picks]).float()
        text = self._text([shard.captions[i][rng.random() < 0.3] for shard, i in picks], rng)
        t = (STEPS * torch.rand(size, generator=generator) ** TIME_POWER).long()
        eps = torch.randn(x0.shape, generator=generator)
        known = {"text": text}
        if pool.frames > 1:
            eps = eps + OFFSET * torch.randn((*x0.shape[:3], 1, 1), generator=generator)
            known["prior"] = x0[:, :, 0] * _faded(size, generator).view(-1, 1, 1, 1)
            motion = torch.stack([shard.motion[i] for shard, i in picks]).long()
            appearance = resample_rows(torch.stack([shard.appearance[i] for shard, i in picks]).float())
            untold = torch.rand(2, size, generator=generator) < CUE_DROPOUT
            known["motion"] = motion.masked_fill(untold[0, :, None], UNTOLD_MOTION)
            known["appearance"] = appearance.masked_fill(untold[1, :, None, None], UNTOLD_APPEARANCE)
        return Sample(add_noise(x0, eps, t), t, known, velocity(x0, eps, t))

    @torch.no_grad()
    def _text(self, captions: list[str], rng: random.Random) -> Tensor:
        return self.clip.encode_text(["" if rng.random() < CAPTION_DROPOUT else caption for caption in captions])


class Denoise(nn.Module):
    def __init__(self, unet: UNet):
        super().__init__()
        self.unet = unet

    def forward(self, batch: list[Sample]) -> list[Tensor]:
        return [self.unet(sample.x, sample.t, **sample.known) for sample in batch]


def prepared(unet: UNet) -> UNet:
    """A fresh network with unit gain between its residual branches, which stay silent at the start."""
    for layer in unet.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear) and layer.weight.any():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return unet


def losses(model: nn.Module, batch: list[Sample]) -> dict[str, Tensor]:
    names = {1: "picture", sprites.FRAMES: "video"}
    found = zip(batch, model(batch), strict=True)
    return {names[s.x.shape[2]]: F.mse_loss(v.float(), s.target) for s, v in found}


def info(vae: VAE, floor: float) -> dict[str, Any]:
    """What a user of the weights must know of their training, stored with them."""
    return {
        "frames": sprites.FRAMES,
        "fps": sprites.FPS,
        "width": sprites.SIZE,
        "height": sprites.SIZE,
        "motion_scale": sprites.MOTION_SCALE,
        "similarity_floor": floor,
        "prior_frame": 0,
        "vocabulary": vocabulary(),
        **rgb_factors(vae),
    }


def main(
    out: Path,
    steps: int = 6000,
    lr: float = 5e-4,
    seed: int = 0,
    videos: int = 4,
    pictures: int = 16,
    picture_steps: int = 1000,
    shards: int = 16,
    init: str = "",
) -> None:
    """Trains in the folder that holds the two other networks. `init`: weights to go on from, "mini" or a file."""
    torch.manual_seed(seed)
    vae, clip = load_vae(out / "vae.safetensors"), load_clip(out / "clip.safetensors")
    floor = similarity_floor(clip)
    pools = Pools(
        SpriteClips(out / "pictures", 1, vae, clip, floor, seed),
        SpriteClips(out / "clips", sprites.FRAMES, vae, clip, floor, seed),
        shards,
    )
    facts = info(vae, floor)

    def export(model: Any, step: int) -> None:
        save_network(out / "denoiser.safetensors", model.unet, torch.float16, steps=step, **facts)

    batches = SpriteBatches(pools, clip, pictures, videos, picture_steps)
    train(
        Denoise(load_unet(init) if init else prepared(UNet(MINI))),
        batches,
        losses,
        LoopConfig(out=out / "denoiser", steps=steps, lr=lr, ema=0.998),
        export,
    )
