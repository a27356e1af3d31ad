"""The forecasts of a denoiser's trainings: `--dry-run`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...models.clip import CLIP
from ...models.config import MINI, RELEASED, UNetConfig
from ...models.embedding import APPEARANCE_WIDTH
from ...models.info import ModelInfo
from ...models.unet import UNet
from ...models.vae import VAE
from ...weights.checkpoint import read_clip_config, read_info, read_unet_config, read_vae_config
from ..checkpoint import trainable
from ..config import DenoiserTraining, network_config
from ..denoiser import WEIGHTS, Denoise, Sample, losses
from ..lora.adapters import adapter_parameters, add_lora
from ..lora.config import LoraTraining
from .blocks import checkpoint_blocks
from .forecast import Forecast, forecast, made_in
from .frozen import DTYPES, quantized_bytes
from .optimizers import state_bytes

DOWNSCALE, TOKENS = 8, 77
"""Pixels of a latent's pixel, and text states of a caption."""


def denoiser(config: DenoiserTraining) -> None:
    """Prints the forecast of a training of the whole network."""
    print(denoiser_forecast(config))


def lora(config: LoraTraining) -> None:
    """Prints the forecast of a training of a LoRA."""
    print(lora_forecast(config))


def denoiser_forecast(config: DenoiserTraining, sizes: UNetConfig | None = None) -> Forecast:
    """The forecast for a network of these sizes; None: that of the config."""
    sizes = sizes or sizes_of(config)

    def make() -> Denoise:
        with made_in(WEIGHTS[config.weights]):
            return _denoise(trainable(UNet(sizes)), config)

    return _forecast(config, make, step_of(config, sizes))


def lora_forecast(config: LoraTraining, sizes: UNetConfig | None = None) -> Forecast:
    """As `denoiser_forecast`, for adapters of the network."""
    sizes = sizes or sizes_of(config)

    def make() -> Denoise:
        with made_in(DTYPES[config.base]):
            unet = UNet(sizes)
        add_lora(unet, config.target, config.rank, config.alpha, config.dora)
        for weight in adapter_parameters(unet):
            weight.data = weight.data.to(WEIGHTS[config.weights])
        return _denoise(unet, config)

    return _forecast(config, make, step_of(config, sizes), saved=lambda model: quantized_bytes(model.unet, config.base))


def sizes_of(config: DenoiserTraining) -> UNetConfig:
    """The sizes of the network to train."""
    if config.init:
        return read_unet_config(config.init)
    return network_config(config.network, UNetConfig, {"mini": MINI, "released": RELEASED})


def step_of(config: DenoiserTraining, sizes: UNetConfig) -> Callable[[nn.Module], Tensor]:
    """The loss of a batch of zeros, for a network of these sizes."""
    info = (
        read_info(config.init) if config.init and None in (config.frames, config.height, config.width) else ModelInfo()
    )
    frames, height, width = config.frames or info.frames, config.height or info.height, config.width or info.width

    def sample(count: int, frames: int) -> Sample:
        x = torch.zeros(count, sizes.in_dim, frames, height // DOWNSCALE, width // DOWNSCALE)
        conditions = {"text": torch.zeros(count, TOKENS, sizes.y_dim)}
        if frames > 1:
            conditions |= {
                "motion": torch.zeros(count, frames - 1),
                "appearance": torch.zeros(count, frames, APPEARANCE_WIDTH),
                "prior": x[:, :, 0],
            }
        return Sample(x, torch.zeros(count, dtype=torch.long), conditions, torch.zeros_like(x))

    def step(model: nn.Module) -> Tensor:
        batch = {"image": sample(config.images, 1)} if config.images else {}
        batch["video"] = sample(config.videos, frames)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.precision != "no"):
            return torch.stack([*losses(model, batch).values()]).sum()

    return step


def _denoise(unet: UNet, config: DenoiserTraining) -> Denoise:
    return Denoise(checkpoint_blocks(unet) if config.checkpointing else unet)


def _forecast(
    config: DenoiserTraining,
    make: Callable[[], Denoise],
    step: Callable[[nn.Module], Tensor],
    saved: Callable[[Denoise], int] = lambda model: 0,
) -> Forecast:
    return forecast(make, step, lambda count: state_bytes(config.optimizer, count), saved, networks_bytes(config))


def networks_bytes(config: DenoiserTraining) -> int:
    """Bytes of the autoencoder and the towers, in the precision that `frozen_networks` loads them in."""
    with torch.device("meta"):
        vae = VAE(read_vae_config(config.vae or config.out / "vae.safetensors"))
        clip = CLIP(read_clip_config(config.clip or config.out / "clip.safetensors"))
    return sum(weight.numel() * weight.element_size() for weight in (*vae.parameters(), *clip.parameters()))
