"""The training of a LoRA: that of the denoiser, on adapters."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from ...models.unet import UNet
from ...weights.checkpoint import load_unet
from ...weights.lora import save_lora
from ..data.data_set import video_data_set
from ..denoiser import HIGH_NOISE, WEIGHTS, ClipBatches, Sample, frozen_networks, losses, run, trained_info
from ..memory.frozen import DTYPES, quantize_linear
from .adapters import adapter_parameters, add_lora, lora_tensors, without_adapters
from .config import LoraTraining


def adapted(config: LoraTraining) -> UNet:
    """The network in `init`, with adapters to train."""
    unet = quantize_linear(load_unet(config.init, DTYPES[config.base]), config.base)
    add_lora(unet, config.target, config.rank, config.alpha, config.dora)
    for weight in adapter_parameters(unet):
        weight.data = weight.data.to(WEIGHTS[config.weights])
    return unet.train()


def losses_that_keep_motion(model: nn.Module, batch: dict[str, Sample]) -> dict[str, Tensor]:
    """The losses of the denoiser; where the motion of a clip is decided, its target is what the weights without the
    adapters predict.

    Spatial layers carry what the temporal ones read, so an appearance that is learned at these time steps changes where
    things move. The target is that of learning without forgetting (Li and Hoiem 2016), on the clips themselves.
    """
    video = batch["video"]
    if bool((high := video.t >= HIGH_NOISE).any()):
        with torch.no_grad(), without_adapters(model):
            before = model({"video": video.rows(high)})["video"]
        target = video.target.clone()
        target[high] = before.to(target.dtype)
        batch = batch | {"video": replace(video, target=target)}
    return losses(model, batch)


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
    keeps = config.target == "appearance" and config.keep_motion
    run(config, unet, vae, clip, data_set, batches, export_lora, losses_that_keep_motion if keeps else losses)
