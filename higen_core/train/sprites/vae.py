"""The autoencoder's training on sprites: crops around the sprite, and denoising residuals for the decoder."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from ...models.vae import VAE
from ...weights.checkpoint import load_clip, load_unet
from ..data.clips import LatentEncoder, vae_input
from ..data.images import FEW, ImageDataSet
from ..loop import own_device
from ..vae import FrameBatches, network_of, run
from .config import SpriteVAETraining
from .images import SpriteImages
from .residuals import ResidualClips, ResidualEncoder
from .scenes import FRAMES


class SpriteFrameBatches(FrameBatches):
    """`FrameBatches` of which, with `residuals`, every second one has a denoiser's residuals in its latents."""

    def __init__(
        self, source: ImageDataSet, vae: VAE, config: SpriteVAETraining, residuals: ResidualClips | None = None
    ):
        super().__init__(source, vae, config)
        self.residuals = residuals

    def __call__(self, step: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        if self.residuals is None or step % 2 == 0:
            return super().__call__(step, index)
        rng = random.Random(f"left {self.seed} {index}")
        parts = [self.residuals.frames_and_residuals(rng, FEW) for _ in range(self.scenes // FEW)]
        images, residuals = (torch.cat(part) for part in zip(*parts, strict=True))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        return vae_input(images), torch.randn(residuals.shape, generator=generator), residuals


def residual_clips(config: SpriteVAETraining, vae: VAE) -> ResidualClips:
    """The residuals that the denoiser in the config leaves in latents of this autoencoder.

    Raises:
        ValueError: the denoiser was not trained on sprites.
    """
    unet = load_unet(config.denoiser, device=own_device())
    if unet.info.frames != FRAMES or unet.info.similarity_floor is None:
        raise ValueError(f"denoiser = {config.denoiser} was not trained on sprites: use mini, or one that was")
    clip = load_clip(config.clip or config.out / "clip.safetensors", device=own_device())
    encoder = LatentEncoder(vae.to(own_device()), clip, unet.info.motion_scale, unet.info.similarity_floor)
    return ResidualClips(config.folder / "residuals", ResidualEncoder(encoder, unet), config.residuals, config.seed)


def main(config: SpriteVAETraining) -> None:
    """Trains on sprites in `config.out`."""
    torch.manual_seed(config.seed)
    vae = network_of(config)
    residuals = residual_clips(config, vae) if config.denoiser else None
    run(config, vae, SpriteFrameBatches(SpriteImages(), vae, config, residuals))
