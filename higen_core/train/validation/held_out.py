"""The loss on clips that are not trained on, at fixed time steps: comparable between steps, and between runs."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from ...cues.cues import resample_rows
from ...diffusion.noise import correlate_noise
from ...models.info import ModelInfo
from ...models.unet import UNet
from ..data.clips import Clips, Pool
from ..denoiser import Denoise, Sample, losses, video_noise

TIMESTEPS = (100, 300, 500, 700, 900)
CLIPS = 16
"""Clips that the loss is a mean of."""
BATCH = 4


class HeldOutLoss:
    """The same clips, captions, cues and noise at every call; nothing is dropped."""

    def __init__(self, pool: Pool, info: ModelInfo):
        rng = random.Random("held out")
        self.clips = [pool.draw(BATCH, 0, rng) for _ in range(CLIPS // BATCH)]
        self.info = info

    @torch.no_grad()
    def __call__(self, unet: UNet) -> dict[str, float]:
        """The loss by time step, and its mean."""
        model = Denoise(unet)
        values: dict[str, float] = {}
        for t in TIMESTEPS:
            batches = [self._sample(clips, t).to(unet.device) for clips in self.clips]
            found = [float(losses(model, {"video": sample})["video"]) for sample in batches]
            values[f"held_out/t{t}"] = sum(found) / len(found)
        return values | {"held_out/mean": sum(values.values()) / len(values)}

    def _sample(self, clips: Clips, t: int) -> Sample:
        conditions: dict[str, Tensor] = {
            "text": clips.text[:, 0].float(),
            "motion": clips.motion.long(),
            "appearance": resample_rows(clips.appearance.float()),
            "prior": clips.latents[:, :, 0].float(),
        }
        eps = video_noise(clips.latents.shape, torch.Generator().manual_seed(t))
        eps = correlate_noise(eps, conditions["motion"], self.info.noise_correlation)
        return Sample.noisy(clips, torch.full((len(clips),), t), eps, conditions)
