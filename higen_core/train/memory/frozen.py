"""Frozen weights in fewer bytes, through torchao: int8 or fp8 in linear layers, with a scale for each output channel.

Convolutions, for which there is no such layer, stay in bf16.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import nn

from ...models.unet import UNet

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.bfloat16, "fp8": torch.bfloat16}
"""Precision that weights are loaded in."""


def quantize_linear(unet: UNet, base: str) -> UNet:
    """Quantizes the linear layers of a network in place, if `base` is int8 or fp8.

    Raises:
        ModuleNotFoundError: torchao is not installed.
    """
    if base not in ("int8", "fp8"):
        return unet
    try:
        quantization = import_module("torchao.quantization")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"base = {base!r} needs torchao ({error}): pip install torchao", name=error.name
        ) from error
    configs: dict[str, Any] = {
        "int8": quantization.Int8WeightOnlyConfig,
        "fp8": quantization.Float8WeightOnlyConfig,
    }
    quantization.quantize_(unet, configs[base]())
    return unet


def quantized_bytes(unet: UNet, base: str) -> int:
    """How many bytes less the frozen weights of a network in bf16 are when its linear layers are quantized."""
    if base not in ("int8", "fp8"):
        return 0
    linear = [layer for layer in unet.modules() if isinstance(layer, nn.Linear) and not layer.weight.requires_grad]
    return sum(layer.weight.numel() - 4 * layer.out_features for layer in linear)
