"""The training of a LoRA: that of the denoiser, on adapters."""

from __future__ import annotations

from dataclasses import replace

import torch

from ...models.unet import UNet
from ...weights.checkpoint import load_unet
from ...weights.lora import save_lora
from ..data.data_set import video_data_set
from ..denoiser import ClipBatches, frozen_networks, run, trained_info
from .adapters import add_lora, lora_tensors
from .config import LoraTraining


def adapted(config: LoraTraining) -> UNet:
    """The network in `init`, with adapters to train."""
    unet = load_unet(config.init)
    return add_lora(unet, config.target, config.rank, config.alpha, config.dora).train()


def export_lora(config: LoraTraining, unet: UNet, step: int) -> None:
    """Writes the adapters to lora.safetensors."""
    metadata = {name: getattr(config, name) for name in ("target", "rank", "alpha", "dora")}
    tensors = lora_tensors(unet)
    save_lora(config.out / "lora.safetensors", tensors, **metadata, steps=step, training=config.to_metadata())


def main(config: LoraTraining) -> None:
    """Trains on videos in `config.out`. With mini's denoiser, the other networks are mini's if none are named."""
    if config.init == "mini":
        config = replace(config, vae=config.vae or "mini", clip=config.clip or "mini")
    if config.target == "motion":  # temporal layers have no gradients from single images
        config = replace(config, images=0)
    torch.manual_seed(config.seed)
    vae, clip = frozen_networks(config)
    unet = adapted(config)
    data_set = video_data_set(config, vae, clip, unet.info)
    batches = ClipBatches(data_set, clip, config, trained_info(config, data_set.info))
    run(config, unet, vae, clip, data_set, batches, export_lora)
