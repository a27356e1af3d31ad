"""What a denoiser leaves in latents when it takes noise out of them, for decoders that learn to see past it."""

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

from ..cues import resample_rows
from ..pipeline import OFFSET, draw_video_noise, share_noise
from ..sampling import guided
from ..schedule import add_noise, split
from ..unet import UNet
from . import sprites
from .data import Captions, Clips, Measure
from .loop import process
from .networks import fingerprint
from .sprite_clips import SpriteClips

STRIDE = 83  # time steps at once: 12 of these strides come from pure noise
NOISIEST = 6  # strides at most; from more noise, sprites would come out at places of their own
GUIDANCE = 2.0
SHARDS = 4  # files of all clips


@dataclass(frozen=True)
class Leftovers:
    """In place of `Measure`: keeps the error of the denoised latents, not the latents.

    Each call adds the noise of one time step, 2 to 6 strides from the clean end, and takes it out again by DDIM.
    """

    measure: Measure
    unet: UNet

    @torch.no_grad()
    def __call__(self, frames: Tensor, captions: list[Captions]) -> Clips:
        """(n, f, h, w, 3) in [0, 1]; the noise is the same for the same captions."""
        clips, device = self.measure(frames, captions), self.unet.device
        x0, motion = clips.latents.float().to(device), clips.motion.long().to(device)
        known = {"prior": x0[:, :, self.unet.info["prior_frame"]], "motion": motion}
        known["appearance"] = resample_rows(clips.appearance.float().to(device))
        text, uncond = (self.measure.clip.encode_text(words) for words in ([told for told, _ in captions], [""]))
        told, untold = ({"text": words, **known} for words in (text, uncond.expand(len(text), -1, -1)))
        velocity = guided(self.unet, told, [(GUIDANCE, untold)], batch=True)

        seed = zlib.crc32(json.dumps(captions).encode())
        b, c, f, h, w = x0.shape
        noise, offset = (part.to(device) for part in draw_video_noise(seed, (b, c, f, h, w)))
        x, eps = x0, share_noise(noise + OFFSET * offset, motion, self.unet.info["noise_sharing"])
        for stride in range(random.Random(seed).randint(2, NOISIEST), 0, -1):
            time = STRIDE * stride
            noisy = add_noise(x, eps, torch.full((len(x),), time))
            with torch.autocast(device.type, torch.bfloat16):
                v = velocity(noisy, time)
            x, eps = split(noisy, v.float(), time)
        return replace(clips, latents=(x - x0).half().cpu())

    def facts(self) -> dict[str, Any]:
        return self.measure.facts() | {"denoiser": fingerprint(self.unet)}


class SpriteLeftovers(SpriteClips):
    """Clips whose latents are leftovers, with their frames, drawn anew."""

    def __init__(self, folder: Path, kept: Leftovers, count: int, seed: int):
        size = count // SHARDS * sprites.FRAMES
        super().__init__(folder, kept, sprites.FRAMES, shards=SHARDS, start=0, grow=1, size=size, seed=seed)
        here = process()
        for number in range(here.process_index, SHARDS, here.num_processes):
            self.shard(number)
        here.wait_for_everyone()
        self.drawn = [self.scenes(number) for number in range(SHARDS)]

    def cut(self, rng: random.Random, count: int) -> tuple[Tensor, Tensor]:
        """Frames of a clip (count, h, w, 3) in [0, 1], and what is left in their latents (count, c, h, w)."""
        number, i = rng.randrange(SHARDS), rng.randrange(self.size)
        chosen = rng.sample(range(self.frames), count)
        left = rearrange(self.shard(number).latents[i, :, chosen], "c f h w -> f c h w")
        return sprites.render(self.drawn[number][i], self.frames)[chosen], left.float()
