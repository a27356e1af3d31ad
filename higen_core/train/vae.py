"""Training of the autoencoder on single frames, from scratch or from weights."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..models.config import MINI_VAE, RELEASED_VAE, VAEConfig
from ..models.vae import LATENT_SCALE, VAE
from ..weights.checkpoint import load_vae, save_network
from .checkpoint import trainable
from .config import VAETraining, network_config
from .data.clips import vae_input
from .data.images import FEW, ImageDataSet, image_data_set
from .loop import own_device, train
from .preview import tile

FIRST_LOGVAR = -6.0
JITTER = 10  # pixels at most between the center of a crop and that of what the frame shows
SHOWN = 8  # images of a sample


class FrameBatches:
    """Images in [-1, 1], the noise that samples their latents, and the noise that is added to the latents.

    Three batches of four are crops of half the height and width. A crop costs a quarter of an image, so there are four
    times as many: (4 * scenes, 3, h/2, w/2) or (scenes, 3, h, w).
    """

    def __init__(self, source: ImageDataSet, vae: VAE, config: VAETraining):
        self.source, self.scenes, self.seed = source, config.scenes, config.seed
        self.channels, self.downscale = vae.config.z_channels, vae.downscale
        self.latent_noise = config.latent_noise

    def __call__(self, step: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        images = self.images(index, whole=step % 4 == 0)
        height, width = (side // self.downscale for side in images.shape[2:])
        noise, added = torch.randn(2, len(images), self.channels, height, width, generator=generator)
        return images, noise, self.latent_noise * torch.rand(len(images), 1, 1, 1, generator=generator) * added

    def images(self, index: int, whole: bool) -> Tensor:
        """(b, 3, h, w) in [-1, 1]; `whole` ones are not cropped."""
        rng = random.Random(f"{self.seed} {index}")
        clips = [self._frames(rng, whole) for _ in range(self.scenes // FEW if whole else self.scenes)]
        return vae_input(torch.cat(clips))

    def _frames(self, rng: random.Random, whole: bool) -> Tensor:
        frames, centers = self.source.frames(rng)
        return frames if whole else _crops(frames, centers, rng)


def _crops(frames: Tensor, centers: Tensor, rng: random.Random) -> Tensor:
    """Half of the height and width of each frame, around a point near its center (x, y)."""
    height, width = (side // 2 for side in frames.shape[1:3])
    crops = []
    for frame, (x, y) in zip(frames, centers.tolist(), strict=True):
        left = min(max(round(x - width / 2 + rng.uniform(-JITTER, JITTER)), 0), width)
        top = min(max(round(y - height / 2 + rng.uniform(-JITTER, JITTER)), 0), height)
        crops.append(frame[top : top + height, left : left + width])
    return torch.stack(crops)


class Autoencode(nn.Module):
    """Encodes, samples and decodes in one forward pass, as data-parallel wrappers need it."""

    def __init__(self, vae: VAE):
        super().__init__()
        self.vae = vae

    def forward(self, image: Tensor, noise: Tensor, added: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Image, mean and log-variance; `noise` samples the latent, `added` is added to it after scaling."""
        mean, logvar = self.vae.moments(image)
        latent = mean + torch.exp(0.5 * logvar) * noise
        return self.vae.decode(latent * LATENT_SCALE + added), mean, logvar


def losses(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor], config: VAETraining) -> dict[str, Tensor]:
    """Errors of pixels and of the differences between neighbors, and the KL divergence from the unit Gaussian."""
    image = batch[0]
    decoded, mean, logvar = (part.float() for part in model(*batch))
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum((1, 2, 3)).mean()
    edge = sum(F.l1_loss(decoded.diff(dim=side), image.diff(dim=side)) for side in (2, 3))
    return {
        "pixel": F.mse_loss(decoded, image) + 0.2 * F.l1_loss(decoded, image),
        "edge": config.edge_weight * torch.as_tensor(edge),
        "kl": config.kl_weight * kl,
    }


@torch.no_grad()
def init_weights(vae: VAE) -> VAE:
    """Initializes a network from scratch as a linear autoencoder: unit gain, residual branches zero.

    With PyTorch's own initialization it takes several times as many steps to learn colors. Latents start almost exact
    (`FIRST_LOGVAR`), or their noise would drown them.
    """
    for name, module in vae.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            if name.endswith(("conv2", "proj_out")):
                nn.init.zeros_(module.weight)
    z, moments = vae.config.z_channels, dict(vae.quant_conv.named_parameters())
    moments["weight"][z:] *= 0.1
    moments["bias"][z:] = FIRST_LOGVAR
    return vae


@torch.no_grad()
def normalize_latents(vae: VAE, images: Tensor) -> VAE:
    """Rescales the two 1x1 convolutions so that the scaled latents of `images` (b, 3, h, w) have unit variance."""
    deviation = vae.encode(images).std()
    z, moments = vae.config.z_channels, dict(vae.quant_conv.named_parameters())
    moments["weight"][:z] /= deviation
    moments["bias"][:z] /= deviation
    moments["bias"][z:] -= 2 * deviation.log()
    vae.post_quant_conv.weight *= deviation
    return vae


@torch.no_grad()
def reconstruction_sheet(vae: VAE, images: Tensor) -> Tensor:
    """Images (n, h, w, 3) in [0, 1] above their reconstructions, as one image."""
    latents = vae.encode(vae_input(images))
    return tile(torch.stack([images, vae.decode_video(latents[:, :, None], chunk=1)[:, 0]]))


def network_of(config: VAETraining) -> VAE:
    """The network to train: that in `init`, or one from scratch."""
    if config.init:
        return trainable(load_vae(config.init))
    presets = {"mini": MINI_VAE, "released": RELEASED_VAE}
    return init_weights(VAE(network_config(config.network, VAEConfig, presets)))


def run(config: VAETraining, vae: VAE, batches: FrameBatches) -> None:
    """Trains `vae` on the batches; writes vae.safetensors and, if the config asks for them, samples."""
    vae.encoder.requires_grad_(config.parts == "both")
    vae.quant_conv.requires_grad_(config.parts == "both")
    held_out = torch.cat([batches.images(-4 * (i + 1), whole=True) for i in range(8)])
    shown = rearrange(held_out[::FEW][:SHOWN] / 2 + 0.5, "b c h w -> b h w c").to(own_device())

    def export(model: Autoencode, step: int) -> None:
        trained = VAE(vae.config)
        trained.load_state_dict(model.vae.state_dict())
        if config.parts == "both":
            normalize_latents(trained.eval(), held_out)
        path = config.out / "vae.safetensors"
        save_network(path, trained, torch.float16, steps=step, training=config.to_metadata())

    train(
        Autoencode(vae),
        batches,
        lambda model, batch: losses(model, batch, config),
        config,
        export,
        lambda model: reconstruction_sheet(model.vae.to(own_device()), shown),
    )


def main(config: VAETraining) -> None:
    """Trains on videos in `config.out`."""
    torch.manual_seed(config.seed)
    vae = network_of(config)
    multiple = 2 * vae.downscale
    if config.width % multiple or config.height % multiple:
        raise ValueError(f"width and height must be multiples of {multiple}, got {config.width}x{config.height}")
    run(config, vae, FrameBatches(image_data_set(config), vae, config))
