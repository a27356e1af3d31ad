"""Denoising residuals: the errors that a denoiser leaves in latents, for decoders that are trained to correct them."""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from ...cues.cues import resample_rows
from ...diffusion.guidance import classifier_free_guidance
from ...diffusion.noise import draw_correlated_noise
from ...diffusion.schedule import add_noise, x0_and_eps
from ...models.unet import UNet
from ..checkpoint import fingerprint
from ..data.clips import Captions, Clips, LatentEncoder, bf16_autocast
from ..loop import process
from .clips import SpriteClips
from .scenes import FRAMES, render

STRIDE = 83  # time steps between two evaluations of the denoiser: 12 strides are the whole schedule
MAX_STRIDES = 6  # from more noise, sprites would come out at other positions
GUIDANCE = 2.0
SHARDS = 4  # files of all clips


@dataclass(frozen=True)
class ResidualEncoder:
    """In place of `LatentEncoder`: clips whose latents are the error of denoised latents.

    Each call adds the noise of one time step, 2 to 6 strides from the clean end, and removes it again by DDIM.
    """

    encoder: LatentEncoder
    unet: UNet

    @torch.no_grad()
    def __call__(self, frames: Tensor, captions: list[Captions]) -> Clips:
        """(n, f, h, w, 3) in [0, 1]; the noise is the same for the same captions."""
        clips, device = self.encoder(frames, captions), self.unet.device
        x0, motion = clips.latents.float().to(device), clips.motion.long().to(device)
        text = clips.text[:, 0].float().to(device)
        uncond = self.encoder.clip.encode_text([""]).expand(len(text), -1, -1)
        cond = {
            "text": text,
            "prior": x0[:, :, 0],
            "motion": motion,
            "appearance": resample_rows(clips.appearance.float().to(device)),
        }
        velocity = classifier_free_guidance(self.unet, cond, [(GUIDANCE, cond | {"text": uncond})])

        seed = zlib.crc32(json.dumps(captions).encode())
        b, c, f, h, w = x0.shape
        correlation = self.unet.info.noise_correlation
        x, eps = x0, draw_correlated_noise(seed, (b, c, f, h, w), motion.cpu(), correlation).to(device)
        for stride in range(random.Random(seed).randint(2, MAX_STRIDES), 0, -1):
            t = STRIDE * stride
            noisy = add_noise(x, eps, torch.full((len(x),), t))
            with bf16_autocast(device):
                v = velocity(noisy, t)
            x, eps = x0_and_eps(noisy, v.float(), t)
        return replace(clips, latents=(x - x0).half().cpu())

    def settings(self) -> dict[str, Any]:
        return self.encoder.settings() | {"denoiser": fingerprint(self.unet)}


class ResidualClips(SpriteClips):
    """Clips whose latents are denoising residuals, with their frames, which are drawn anew."""

    def __init__(self, folder: Path, encoder: ResidualEncoder, clips: int, seed: int):
        shard_frames = clips // SHARDS * FRAMES
        super().__init__(folder, encoder, FRAMES, shards=SHARDS, start=0, grow=1, shard_frames=shard_frames, seed=seed)
        state = process()
        for number in range(state.process_index, SHARDS, state.num_processes):
            self.shard(number)
        state.wait_for_everyone()
        self.shard_scenes = [self.scenes(number) for number in range(SHARDS)]

    def frames_and_residuals(self, rng: random.Random, count: int) -> tuple[Tensor, Tensor]:
        """`count` frames of a clip (count, h, w, 3) in [0, 1], and the residuals of their latents (count, c, h, w)."""
        number, i = rng.randrange(SHARDS), rng.randrange(self.shard_size)
        chosen = rng.sample(range(self.frames), count)
        residuals = rearrange(self.shard(number).latents[i, :, chosen], "c f h w -> f c h w")
        return render(self.shard_scenes[number][i], self.frames)[chosen], residuals.float()
