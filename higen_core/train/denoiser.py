"""Joint training of both stages (paper, section 3.4): pictures for the spatial one, clips for the temporal one.

The prior of a clip is one of its frames, the first one unless the weights say otherwise; its cues are measured on its
pixels.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import load_clip, load_unet, load_vae, save_network
from ..config import MINI, RELEASED, UNetConfig
from ..cues import UNTOLD_APPEARANCE, UNTOLD_MOTION, resample_rows
from ..pipeline import OFFSET, share_noise
from ..schedule import STEPS, add_noise, velocity
from ..text import CLIP
from ..unet import UNet
from .config import DenoiserTraining
from .data import Clips, Pool
from .loop import own_device, train
from .networks import config_of, tensors
from .preview import sampled
from .retiming import retimed
from .worlds import World, sprite_world, video_world

NOISY = 600
"""The first time step of `noisy_clips`."""


@dataclass(frozen=True)
class Sample:
    """What one forward sees: noisy latents and what the denoiser is told, plus the velocity it should find."""

    x: Tensor
    t: Tensor
    known: dict[str, Tensor]
    target: Tensor

    def to(self, device: torch.device, **_: Any) -> Sample:
        known = {name: value.to(device) for name, value in self.known.items()}
        return Sample(self.x.to(device), self.t.to(device), known, self.target.to(device))


class ClipBatches:
    """Pictures and, after the first steps, clips."""

    def __init__(self, world: World, clip: CLIP, config: DenoiserTraining, facts: dict[str, Any]):
        self.world, self.clip, self.config = world, clip, config
        self.prior_frame, self.noise_sharing = facts["prior_frame"], facts["noise_sharing"]

    def __call__(self, step: int, index: int) -> list[Sample]:
        world, config = self.world, self.config
        rng = random.Random(f"batch {config.seed} {index}")
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + index)
        if step < config.picture_steps:
            return [self._sample(world.pictures, 2 * config.pictures, step, rng, generator)]
        return [
            self._sample(world.pictures, config.pictures, step, rng, generator),
            self._sample(world.clips, config.videos, step, rng, generator),
        ]

    def _sample(self, pool: Pool, size: int, step: int, rng: random.Random, generator: torch.Generator) -> Sample:
        """Noise as in sampling: white; for clips a share of it common to all positions of a frame, and to frames."""
        clips = pool.draw(size, step, rng)
        if pool.frames > 1:
            clips = retimed(clips, self.config.frozen, self.config.paused, generator)
        x0 = clips.latents.float()
        known = {"text": self._text([pair[rng.random() < 0.3] for pair in clips.captions], rng)}
        t = (STEPS * torch.rand(size, generator=generator) ** self.config.time_power).long()
        eps = torch.randn(x0.shape, generator=generator)
        if pool.frames > 1:
            noisy, kind = torch.rand(2, size, generator=generator)
            t = (NOISY + (STEPS - NOISY) * noisy).long().where(kind < self.config.noisy_clips, t)
            known["prior"] = x0[:, :, self.prior_frame] * self._strengths(size, generator).view(-1, 1, 1, 1)
            known |= self._cues(clips, generator)
            eps = eps + OFFSET * torch.randn((*x0.shape[:3], 1, 1), generator=generator)
            if self.noise_sharing > 0:
                eps = share_noise(eps, known["motion"], self.noise_sharing)
        return Sample(add_noise(x0, eps, t), t, known, velocity(x0, eps, t))

    def _strengths(self, size: int, generator: torch.Generator) -> Tensor:
        """Of the prior (size,): full for nearly all, anything down to 0 for some, so that it can be faded."""
        strength, faded = torch.rand(2, size, generator=generator)
        return self.config.prior_strength * strength.where(faded < self.config.prior_dropout, 1.0)

    def _cues(self, clips: Clips, generator: torch.Generator) -> dict[str, Tensor]:
        """Each of the two is left untold for some clips, so that a missing one does no harm."""
        untold = torch.rand(2, len(clips), generator=generator) < self.config.cue_dropout
        rows = resample_rows(clips.appearance.float())
        return {
            "motion": clips.motion.long().masked_fill(untold[0, :, None], UNTOLD_MOTION),
            "appearance": rows.masked_fill(untold[1, :, None, None], UNTOLD_APPEARANCE),
        }

    @torch.no_grad()
    def _text(self, captions: list[str], rng: random.Random) -> Tensor:
        dropout = self.config.caption_dropout
        return self.clip.encode_text(["" if rng.random() < dropout else caption for caption in captions])


class Denoise(nn.Module):
    def __init__(self, unet: UNet):
        super().__init__()
        self.unet = unet

    def forward(self, batch: list[Sample]) -> list[Tensor]:
        return [self.unet(sample.x, sample.t, **sample.known) for sample in batch]


def losses(model: nn.Module, batch: list[Sample]) -> dict[str, Tensor]:
    found = zip(batch, model(batch), strict=True)
    return {"picture" if s.x.shape[2] == 1 else "video": F.mse_loss(v.float(), s.target) for s, v in found}


def prepared(unet: UNet) -> UNet:
    """A fresh network with unit gain between its residual branches, which stay silent at the start."""
    for layer in unet.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear) and layer.weight.any():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return unet


def loaded(source: str) -> UNet:
    """Weights to go on from, in memory of their own: the loader leaves them mapped from the file."""
    unet = load_unet(source)
    for weight in tensors(unet).values():
        weight.data = weight.data.clone()
    return unet


def main(config: DenoiserTraining) -> None:
    """Trains in `config.out`, with the two other networks there or those that the config names."""
    torch.manual_seed(config.seed)
    device = own_device()
    vae = load_vae(config.vae or config.out / "vae.safetensors", device=device)
    clip = load_clip(config.clip or config.out / "clip.safetensors", device=device)
    sizes = {"mini": MINI, "released": RELEASED}
    unet = loaded(config.init) if config.init else prepared(UNet(config_of(config.network, UNetConfig, sizes)))
    world = sprite_world(config, vae, clip) if config.data == "sprites" else video_world(config, vae, clip, unet.info)
    facts = {"prior_frame": 0, "noise_sharing": 0.0} | unet.info | world.facts
    if config.noise_sharing is not None:
        facts["noise_sharing"] = config.noise_sharing
    unet.info = facts

    def export(model: Denoise, step: int) -> None:
        save_network(config.out / "denoiser.safetensors", model.unet, torch.float16, **facts | {"steps": step})

    def preview(model: Denoise) -> Tensor:
        return sampled(
            model.unet.to(device),
            vae,
            clip,
            list(config.prompts) or world.prompts,
            facts["frames"],
            (facts["height"], facts["width"]),
            config.sample_steps,
            config.sample_guidance,
        )

    batches = ClipBatches(world, clip, config, facts)
    train(Denoise(unet), batches, losses, config, export, preview)
