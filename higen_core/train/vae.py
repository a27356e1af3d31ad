"""Training of the autoencoder on single frames."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..checkpoint import save_network
from ..config import MINI_VAE
from ..vae import LATENT_SCALE, VAE
from . import sprites
from .loop import LoopConfig, train

KL_WEIGHT = 3e-6
EDGE_WEIGHT = 0.2
FIRST_LOGVAR = -6.0


class FrameBatches:
    """Batch number i: pictures in [-1, 1]. Three batches of four are crops around the sprites, where the detail is.

    A crop costs a quarter of a picture, so there are four times as many: (4 scenes, 3, 32, 32) or (scenes, 3, 64, 64).
    """

    def __init__(self, scenes: int, seed: int = 0):
        self.scenes, self.seed = scenes, seed

    def __getitem__(self, index: int) -> Tensor:
        rng = random.Random(f"{self.seed} {index}")
        whole = index % 4 == 0
        clips = [self._frames(rng, whole) for _ in range(self.scenes // 4 if whole else self.scenes)]
        return rearrange(torch.cat(clips) * 2 - 1, "b h w c -> b c h w").contiguous()

    def _frames(self, rng: random.Random, whole: bool) -> Tensor:
        scene = sprites.sample_scene(rng)
        frames = sprites.render(scene, frames=4)
        return frames if whole else _crops(frames, sprites.path(scene, frames=4), rng)


def _crops(frames: Tensor, centres: Tensor, rng: random.Random) -> Tensor:
    """A square of half the size from each frame, at most 10 pixels off the sprite's centre."""
    size = frames.shape[1] // 2
    crops = []
    for frame, centre in zip(frames, centres.tolist(), strict=True):
        x, y = (min(max(round(c - size / 2 + rng.uniform(-10, 10)), 0), size) for c in centre)
        crops.append(frame[y : y + size, x : x + size])
    return torch.stack(crops)


class Autoencode(nn.Module):
    """Encodes, samples and decodes in one forward, as data-parallel wrappers need it."""

    def __init__(self, vae: VAE):
        super().__init__()
        self.vae = vae

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, logvar = self.vae.moments(image)
        latent = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        return self.vae.decode(latent * LATENT_SCALE), mean, logvar


def losses(model: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """Errors of pixels and of their differences, and a weak pull of the latents to the unit Gaussian."""
    picture, mean, logvar = (part.float() for part in model(image))
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum((1, 2, 3)).mean()
    return {
        "pixel": F.mse_loss(picture, image) + 0.2 * F.l1_loss(picture, image),
        "edge": EDGE_WEIGHT
        * (F.l1_loss(picture.diff(dim=2), image.diff(dim=2)) + F.l1_loss(picture.diff(dim=3), image.diff(dim=3))),
        "kl": KL_WEIGHT * kl,
    }


@torch.no_grad()
def prepared(vae: VAE) -> VAE:
    """A fresh network that starts as a linear autoencoder: unit gain everywhere, residual branches silent.

    With PyTorch's own initialisation it takes several times as many steps to learn colours. Latents start almost exact
    (`FIRST_LOGVAR`), or their noise would drown them.
    """
    for name, module in vae.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            nn.init.zeros_(module.bias)
            if name.endswith(("conv2", "proj_out")):
                nn.init.zeros_(module.weight)
    z = vae.config.z_channels
    vae.quant_conv.weight[z:] *= 0.1
    vae.quant_conv.bias[z:] = FIRST_LOGVAR
    return vae


@torch.no_grad()
def normalized(vae: VAE, batches: FrameBatches) -> VAE:
    """Rescales the two 1x1 convolutions so that scaled latents have unit variance, as a diffusion model expects."""
    spread = torch.cat([vae.encode(batches[-4 * (i + 1)]) for i in range(8)]).std()
    z = vae.config.z_channels
    vae.quant_conv.weight[:z] /= spread
    vae.quant_conv.bias[:z] /= spread
    vae.quant_conv.bias[z:] -= 2 * spread.log()
    vae.post_quant_conv.weight *= spread
    return vae


def main(out: Path, steps: int = 2600, lr: float = 6e-4, seed: int = 0, scenes: int = 8) -> None:
    torch.manual_seed(seed)
    batches = FrameBatches(scenes, seed)

    def export(model: Any, step: int) -> None:
        vae = VAE(MINI_VAE)
        vae.load_state_dict(model.vae.state_dict())
        save_network(out / "vae.safetensors", normalized(vae.eval(), batches), dtype=torch.float16)

    train(
        Autoencode(prepared(VAE(MINI_VAE))),
        batches,
        losses,
        LoopConfig(out=out / "vae", steps=steps, lr=lr, ema=0.998),
        export,
    )
