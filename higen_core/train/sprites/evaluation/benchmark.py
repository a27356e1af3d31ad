"""Samples a denoiser of the emoji data set on prompts of scenes that were held out of its training."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from tqdm import tqdm

from ....cues.cues import Cues
from ....cues.measures import measure_motion
from ....cues.response import calibrate
from ....diffusion.noise import draw_correlated_noise, draw_noise
from ....diffusion.pipeline import sample_prior, sample_video
from ....memory import MAX_DECODED
from ....models.clip import CLIP
from ....models.unet import UNet
from ....models.vae import VAE
from ....weights.checkpoint import load_clip, load_unet, load_vae
from ....weights.lora import load_lora
from ..scenes import SIZE, Scene, caption, is_held_out, sample_content

BATCH = 8
"""Prompts that are sampled at a time."""


@dataclass(frozen=True)
class Model:
    """The networks; `spatial` is the denoiser of the priors if that is not the one of the videos."""

    unet: UNet
    vae: VAE
    clip: CLIP
    spatial: UNet | None = None

    @classmethod
    def load(cls, folder: str | Path, lora: Path | None = None) -> Model:
        """From a folder with denoiser, vae and clip, or the bundled "mini".

        A LoRA changes videos only: priors are those of the denoiser without it.
        """
        if str(folder) == "mini":
            model = cls(load_unet("mini"), load_vae("mini"), load_clip("mini"))
        else:
            denoiser, vae, clip = (Path(folder) / f"{name}.safetensors" for name in ("denoiser", "vae", "clip"))
            model = cls(load_unet(denoiser), load_vae(vae), load_clip(clip))
        if lora is None:
            return model
        spatial = load_unet("mini" if str(folder) == "mini" else Path(folder) / "denoiser.safetensors")
        return replace(model, unet=load_lora(model.unet, lora), spatial=spatial)


@dataclass(frozen=True)
class Bench:
    """A model and the options it is sampled with; the same prompts and noise for the same seed.

    `steps` and `sampler` are those of both stages, unless `video_steps` and `video_sampler` are other ones.
    """

    model: Model
    steps: int
    guidance: float  # of the spatial stage
    video_guidance: float
    sampler: str
    seed: int
    progress: tqdm
    video_steps: int | None = None
    video_sampler: str | None = None
    appearance_guidance: float | None = None  # None: that of the weights

    def priors(self, prompts: list[str]) -> Tensor:
        """Spatial priors, latents (n, 4, h, w)."""
        side = SIZE // self.model.vae.downscale

        def sample(text: Tensor, uncond: Tensor, first: int) -> Tensor:
            noise = draw_noise(self.seed + first, (len(text), 4, 1, side, side))
            options = {"steps": self.steps, "sampler": self.sampler, "guidance": self.guidance}
            return sample_prior(self.model.spatial or self.model.unet, text, uncond, noise=noise, **options)

        return self._in_batches(sample, prompts)

    def videos(
        self, prompts: list[str], priors: Tensor, cues: Cues, calibrated: bool = False, noise_cues: Cues | None = None
    ) -> Tensor:
        """(n, f, h, w, 3) in [0, 1]. Unless `calibrated`, the network gets the cues as they are; see `hg.calibrate`.

        The noise is correlated as for `noise_cues`, by default as for the cues.
        """
        info = self.model.unet.info
        motion = (calibrate(noise_cues or cues, info) if calibrated else noise_cues or cues).motion

        def sample(text: Tensor, uncond: Tensor, first: int) -> Tensor:
            prior = priors[first : first + len(text)]
            c, h, w = prior.shape[1:]
            shape = (len(text), c, cues.frames, h, w)
            noise = draw_correlated_noise(self.seed + first, shape, motion, info.noise_correlation)
            options = {"steps": self.video_steps or self.steps, "sampler": self.video_sampler or self.sampler}
            options |= {"guidance": self.video_guidance, "appearance_guidance": self.appearance_guidance}
            options |= {"calibrated": calibrated, "noise": noise, "noise_correlation": 0.0}
            video = sample_video(self.model.unet, text, uncond, prior=prior, cues=cues, **options)
            self.progress.update(len(text))
            return self.model.vae.decode_video(video, chunk=MAX_DECODED)

        return self._in_batches(sample, prompts)

    @torch.no_grad()
    def decode(self, priors: Tensor) -> Tensor:
        """Priors as images (n, h, w, 3) in [0, 1]."""
        return self.model.vae.decode_video(rearrange(priors, "b c h w -> b c 1 h w"), chunk=MAX_DECODED)[:, 0]

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Images (n, h, w, 3) in [0, 1] as priors."""
        return self.model.vae.encode(rearrange(images * 2 - 1, "b h w c -> b c h w").contiguous())

    def motion(self, videos: Tensor) -> Tensor:
        """Motion cues of videos, (n, f - 1), in the scale of the weights."""
        return measure_motion(videos, self.model.unet.info.motion_scale).float()

    @torch.no_grad()
    def features(self, videos: Tensor) -> Tensor:
        """Image embeddings of each frame, (n f, d), of length 1."""
        return torch.cat([F.normalize(self.model.clip.encode_image(video), dim=-1) for video in videos])

    @torch.no_grad()
    def _in_batches(self, sample: Callable[[Tensor, Tensor, int], Tensor], prompts: list[str]) -> Tensor:
        """`sample(text, uncond, first)` of BATCH prompts at a time, `first` being the number of the first of them."""
        encode = self.model.clip.encode_text
        uncond = encode([""])
        return torch.cat([sample(encode(prompts[i : i + BATCH]), uncond, i) for i in range(0, len(prompts), BATCH)])


def held_out_scenes(count: int, seed: int = 0, **choices: Any) -> tuple[list[Scene], list[str]]:
    """Scenes of combinations that were held out of training, and their prompts.

    `choices` restrict attributes of the scenes, such as change=("none",).
    """
    rng, words = random.Random(f"evaluate {seed}"), random.Random(f"prompts {seed}")
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = sample_content(rng)
        if is_held_out(scene) and all(getattr(scene, name) in values for name, values in choices.items()):
            scenes.append(scene)
    return scenes, [caption(scene, words) for scene in scenes]
