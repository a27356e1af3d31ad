"""The forecasts of a denoiser's trainings: `--dry-run`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...models.config import MINI, RELEASED, UNetConfig
from ...models.embedding import APPEARANCE_WIDTH
from ...models.info import ModelInfo
from ...models.unet import UNet
from ...weights.checkpoint import read_info, read_unet_config
from ..checkpoint import trainable
from ..config import DenoiserTraining, network_config
from ..denoiser import WEIGHTS, Denoise, Sample, losses
from ..lora.adapters import add_lora
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


def denoiser_forecast(config: DenoiserTraining) -> Forecast:
    sizes = sizes_of(config)

    def make() -> UNet:
        with made_in(WEIGHTS[config.weights]):
            return trainable(UNet(sizes))

    return _forecast(config, sizes, make)


def lora_forecast(config: LoraTraining) -> Forecast:
    sizes = sizes_of(config)

    def make() -> UNet:
        with made_in(DTYPES[config.base]):
            unet = UNet(sizes)
        add_lora(unet, config.target, config.rank, config.alpha, config.dora)
        for weight in unet.parameters():
            if weight.requires_grad and config.weights == "bf16":
                weight.data = weight.data.bfloat16()
        return unet

    return _forecast(config, sizes, make, saved=lambda unet: quantized_bytes(unet, config.base))


def sizes_of(config: DenoiserTraining) -> UNetConfig:
    """The sizes of the network to train."""
    if config.init:
        return read_unet_config(config.init)
    return network_config(config.network, UNetConfig, {"mini": MINI, "released": RELEASED})


def _forecast(
    config: DenoiserTraining,
    sizes: UNetConfig,
    make: Callable[[], UNet],
    saved: Callable[[UNet], int] = lambda unet: 0,
) -> Forecast:
    info = read_info(config.init) if config.init else ModelInfo()
    frames, height, width = config.frames or info.frames, config.height or info.height, config.width or info.width

    def network() -> Denoise:
        unet = make()
        return Denoise(checkpoint_blocks(unet) if config.checkpointing else unet)

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

    def step(model: torch.nn.Module) -> Tensor:
        batch = {"image": sample(config.images, 1)} if config.images else {}
        batch["video"] = sample(config.videos, frames)
        enabled, dtype = config.precision != "no", torch.bfloat16
        with torch.autocast("cpu", dtype, enabled):
            return torch.stack([*losses(model, batch).values()]).sum()

    return forecast(network, step, lambda count: state_bytes(config.optimizer, count), lambda model: saved(model.unet))
