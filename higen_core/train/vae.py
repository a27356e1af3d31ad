"""Training of the autoencoder on single frames, from nothing or from weights."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..checkpoint import load_clip, load_unet, load_vae, save_network
from ..config import MINI_VAE, RELEASED_VAE, VAEConfig
from ..vae import LATENT_SCALE, VAE
from . import sprites
from .config import VAETraining
from .data import Measure
from .leftovers import Leftovers, SpriteLeftovers
from .loop import own_device, train
from .networks import config_of, owned, tensors
from .pictures import FEW, Pictures, pictures_of
from .preview import rows_of

FIRST_LOGVAR = -6.0
SHOWN = 8  # pictures of a sample


class FrameBatches:
    """Pictures in [-1, 1], and two noises of their latents: what they are sampled with, and what a denoiser may leave.

    Three batches of four are crops, of sprites around them, where the detail is. A crop costs a quarter of a picture,
    so there are four times as many: (4 scenes, 3, h/2, w/2) or (scenes, 3, h, w). With `leftovers`, the second and
    fourth are whole, with what a denoiser did leave.
    """

    def __init__(self, source: Pictures, vae: VAE, config: VAETraining, leftovers: SpriteLeftovers | None = None):
        self.source, self.scenes, self.seed, self.leftovers = source, config.scenes, config.seed, leftovers
        self.channels, self.downscale = vae.config.z_channels, vae.downscale
        self.latent_noise = config.latent_noise

    def __call__(self, step: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        if self.leftovers and step % 2:
            pictures, left = self._denoised(self.leftovers, index)
            return pictures, torch.randn(left.shape, generator=generator), left
        pictures = self.pictures(index, whole=step % 4 == 0)
        height, width = (side // self.downscale for side in pictures.shape[2:])
        noise, left = torch.randn(2, len(pictures), self.channels, height, width, generator=generator)
        return pictures, noise, self.latent_noise * torch.rand(len(pictures), 1, 1, 1, generator=generator) * left

    def _denoised(self, leftovers: SpriteLeftovers, index: int) -> tuple[Tensor, Tensor]:
        """Pictures (scenes, 3, h, w), and what is left in their latents (scenes, c, h / 8, w / 8)."""
        rng = random.Random(f"left {self.seed} {index}")
        frames, left = zip(*(leftovers.cut(rng, FEW) for _ in range(self.scenes // FEW)), strict=True)
        return _images(torch.cat(frames)), torch.cat(left)

    def pictures(self, index: int, whole: bool) -> Tensor:
        """(b, 3, h, w)"""
        rng = random.Random(f"{self.seed} {index}")
        clips = [self._frames(rng, whole) for _ in range(self.scenes // 4 if whole else self.scenes)]
        return _images(torch.cat(clips))

    def _frames(self, rng: random.Random, whole: bool) -> Tensor:
        frames, centres = self.source.frames(rng)
        return frames if whole else _crops(frames, centres, rng)


def _images(frames: Tensor) -> Tensor:
    """Frames (b, h, w, 3) in [0, 1] as the autoencoder takes them: (b, 3, h, w) in [-1, 1]."""
    return rearrange(frames * 2 - 1, "b h w c -> b c h w").contiguous()


def _crops(frames: Tensor, centres: Tensor, rng: random.Random) -> Tensor:
    """Half of the height and width of each frame, at most 10 pixels off the centre of what there is to see."""
    height, width = (side // 2 for side in frames.shape[1:3])
    crops = []
    for frame, (x, y) in zip(frames, centres.tolist(), strict=True):
        left = min(max(round(x - width / 2 + rng.uniform(-10, 10)), 0), width)
        top = min(max(round(y - height / 2 + rng.uniform(-10, 10)), 0), height)
        crops.append(frame[top : top + height, left : left + width])
    return torch.stack(crops)


class Autoencode(nn.Module):
    """Encodes, samples and decodes in one forward, as data-parallel wrappers need it."""

    def __init__(self, vae: VAE):
        super().__init__()
        self.vae = vae

    def forward(self, image: Tensor, noise: Tensor, left: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, logvar = self.vae.moments(image)
        latent = mean + torch.exp(0.5 * logvar) * noise
        return self.vae.decode(latent * LATENT_SCALE + left), mean, logvar


def losses(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor], config: VAETraining) -> dict[str, Tensor]:
    """Errors of pixels and of their differences, and a weak pull of the latents to the unit Gaussian."""
    image = batch[0]
    picture, mean, logvar = (part.float() for part in model(*batch))
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum((1, 2, 3)).mean()
    edge = sum(F.l1_loss(picture.diff(dim=side), image.diff(dim=side)) for side in (2, 3))
    return {
        "pixel": F.mse_loss(picture, image) + 0.2 * F.l1_loss(picture, image),
        "edge": config.edge_weight * torch.as_tensor(edge),
        "kl": config.kl_weight * kl,
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
            nn.init.zeros_(tensors(module)["bias"])
            if name.endswith(("conv2", "proj_out")):
                nn.init.zeros_(module.weight)
    z, moments = vae.config.z_channels, tensors(vae.quant_conv)
    moments["weight"][z:] *= 0.1
    moments["bias"][z:] = FIRST_LOGVAR
    return vae


@torch.no_grad()
def normalized(vae: VAE, pictures: Tensor) -> VAE:
    """Rescales the two 1x1 convolutions so that scaled latents have unit variance, as a diffusion model expects."""
    spread = vae.encode(pictures).std()
    z, moments = vae.config.z_channels, tensors(vae.quant_conv)
    moments["weight"][:z] /= spread
    moments["bias"][:z] /= spread
    moments["bias"][z:] -= 2 * spread.log()
    tensors(vae.post_quant_conv)["weight"] *= spread
    return vae


@torch.no_grad()
def reconstructed(vae: VAE, pictures: Tensor) -> Tensor:
    """Pictures (n, h, w, 3) over what the autoencoder makes of them, as one picture."""
    latents = vae.encode(_images(pictures))
    return rows_of(torch.stack([pictures, vae.decode_video(latents[:, :, None])[:, 0]]))


def leftovers_of(config: VAETraining, vae: VAE) -> SpriteLeftovers:
    """What the denoiser that the config names leaves in latents of this autoencoder."""
    unet = load_unet(config.denoiser, device=own_device())
    if unet.info.get("frames") != sprites.FRAMES or "similarity_floor" not in unet.info:
        raise ValueError(f"denoiser = {config.denoiser} was not trained on sprites: take mini, or one that was")
    clip = load_clip(config.clip or config.out / "clip.safetensors", device=own_device())
    measure = Measure(vae.to(own_device()), clip, unet.info["motion_scale"], unet.info["similarity_floor"])
    return SpriteLeftovers(config.folder / "leftovers", Leftovers(measure, unet), config.leftovers, config.seed)


def main(config: VAETraining) -> None:
    torch.manual_seed(config.seed)
    named = {"mini": MINI_VAE, "released": RELEASED_VAE}
    vae = owned(load_vae(config.init)) if config.init else prepared(VAE(config_of(config.network, VAEConfig, named)))
    for side in (config.width, config.height):
        if side % (2 * vae.downscale):
            raise ValueError(
                f"width and height must be multiples of {2 * vae.downscale}, got {config.width}x{config.height}"
            )
    vae.encoder.requires_grad_(config.parts == "both")
    vae.quant_conv.requires_grad_(config.parts == "both")
    device = own_device()
    batches = FrameBatches(pictures_of(config), vae, config, leftovers_of(config, vae) if config.denoiser else None)
    unseen = torch.cat([batches.pictures(-4 * (i + 1), whole=True) for i in range(8)])
    shown = rearrange(unseen[::FEW][:SHOWN] / 2 + 0.5, "b c h w -> b h w c").to(device)

    def export(model: Autoencode, step: int) -> None:
        trained = VAE(vae.config)
        trained.load_state_dict(model.vae.state_dict())
        if config.parts == "both":
            normalized(trained.eval(), unseen)
        save_network(config.out / "vae.safetensors", trained, torch.float16, steps=step)

    train(
        Autoencode(vae),
        batches,
        lambda model, batch: losses(model, batch, config),
        config,
        export,
        lambda model: reconstructed(model.vae.to(device), shown),
    )
