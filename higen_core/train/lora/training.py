"""The training of a LoRA: that of the denoiser, on adapters."""

from __future__ import annotations

import torch

from ...models.unet import UNet
from ...weights.checkpoint import load_unet
from ...weights.lora import save_lora
from ..data.data_set import video_data_set
from ..denoiser import WEIGHTS, ClipBatches, frozen_networks, run, trained_info
from ..memory.frozen import DTYPES, quantize_linear
from .adapters import adapter_parameters, add_lora, lora_tensors
from .config import LoraTraining


def adapted(config: LoraTraining) -> UNet:
    """The network in `init`, with adapters to train."""
    unet = quantize_linear(load_unet(config.init, DTYPES[config.base]), config.base)
    add_lora(unet, config.target, config.rank, config.alpha, config.dora)
    for weight in adapter_parameters(unet):
        weight.data = weight.data.to(WEIGHTS[config.weights])
    return unet.train()


def export_lora(config: LoraTraining, unet: UNet, step: int) -> None:
    """Writes the adapters to lora.safetensors."""
    metadata = {name: getattr(config, name) for name in ("target", "rank", "alpha", "dora")}
    tensors = lora_tensors(unet)
    save_lora(config.out / "lora.safetensors", tensors, **metadata, steps=step, training=config.to_metadata())


def main(config: LoraTraining) -> None:
    """Trains on videos in `config.out`."""
    torch.manual_seed(config.seed)
    vae, clip = frozen_networks(config)
    unet = adapted(config)
    data_set = video_data_set(config, vae, clip, unet.info)
    batches = ClipBatches(data_set, clip, config, trained_info(config, data_set.info))
    run(config, unet, vae, clip, data_set, batches, export_lora)
