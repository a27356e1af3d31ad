"""One training step of a LoRA or of the whole denoiser: its memory on this CPU, and what `--dry-run` forecasts.

Random weights, and a batch of one clip of 16 frames. Attention is fused, as in the forecast and as on a GPU.
"""

import json
import sys
import time
from pathlib import Path

import psutil

import higen_core as hg
from higen_core.train.checkpoint import Average, trainable
from higen_core.train.denoiser import WEIGHTS, Denoise
from higen_core.train.lora.adapters import adapter_parameters, add_lora
from higen_core.train.lora.config import LoraTraining
from higen_core.train.memory.blocks import checkpoint_blocks
from higen_core.train.memory.frozen import DTYPES
from higen_core.train.memory.optimizers import make_optimizer
from higen_core.train.memory.steps import denoiser_forecast, lora_forecast, step_of

from .process import check_memory, peak, reset_peak
from .step import random_network

FRAMES = 16
NETWORKS = {"mini": (hg.MINI, 64, 64), "full": (hg.RELEASED, 256, 448)}
"""Sizes, height and width in pixels."""
KINDS = {
    "lora": {"base": "bf16"},
    "whole": {},
    "whole-bf16": {"weights": "bf16", "optimizer": "adamw8bit"},
}
"""What saves memory beside checkpointing."""


def options(kind: str, height: int, width: int) -> LoraTraining:
    """A clip of FRAMES a batch, on which blocks are checkpointed, with what KINDS has for this step."""
    clip = {"frames": FRAMES, "height": height, "width": width, "images": 0, "videos": 1}
    save = {"checkpointing": True, "precision": "no"} | KINDS[kind]
    return LoraTraining(out=Path("unused"), data="unused", init="unused", vae="mini", clip="mini", **clip, **save)


def main(size: str, kind: str) -> None:
    """Prints the bytes of the forecast by part, those that the process took, and seconds.

    Args:
        size: a key of NETWORKS.
        kind: a key of KINDS.
    """
    sizes, height, width = NETWORKS[size]
    config = options(kind, height, width)
    forecast = (lora_forecast if kind == "lora" else denoiser_forecast)(config, sizes)
    check_memory(forecast.total, f"{size}, {kind}")
    reset_peak()
    before, start = psutil.Process().memory_info().rss, time.monotonic()
    dtype = DTYPES[config.base] if kind == "lora" else WEIGHTS[config.weights]
    unet = random_network(lambda: hg.UNet(sizes), dtype)
    unet = add_lora(unet, config.target, config.rank) if kind == "lora" else trainable(unet)
    model = Denoise(checkpoint_blocks(unet))
    optimizer, average = make_optimizer(adapter_parameters(model), config), Average(model, config.ema)
    step_of(config, sizes)(model).backward()
    optimizer.step()
    average.update(model)
    figures = {"measured": peak() - before, "peak": peak(), "seconds": time.monotonic() - start}
    trained = forecast.total - forecast.networks  # the autoencoder and the towers are not loaded here
    print(json.dumps(vars(forecast) | {"total": trained} | figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
