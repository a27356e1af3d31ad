"""Low-rank adapters (LoRA: Hu et al. 2021; DoRA: Liu et al. 2024) on the layers of a denoiser, through `peft`.

A denoiser decouples motion from appearance, and so do its adapters: those of temporal layers cannot change a single
frame, as these layers return it unchanged.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from ...models.embedding import FrameEmbedding
from ...models.temporal import TemporalConv, TemporalTransformer
from ...models.unet import UNet
from .config import TARGETS

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def target_layers(unet: UNet, target: str) -> list[str]:
    """The names of the linear and convolution layers that an adapter of `target`, one of TARGETS, changes."""
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, got {target!r}")
    layers = [name for name, layer in unet.named_modules() if isinstance(layer, LAYERS)]
    temporal = _inside(unet, (TemporalConv, TemporalTransformer))
    embedding = _inside(unet, (FrameEmbedding,))
    if target == "motion":
        return [name for name in layers if name.startswith(temporal)]
    return [name for name in layers if target == "all" or not name.startswith((*temporal, *embedding))]


def _inside(unet: UNet, kinds: tuple[type[nn.Module], ...]) -> tuple[str, ...]:
    """The prefixes of the names of all layers in modules of these kinds."""
    return tuple(f"{name}." for name, module in unet.named_modules() if isinstance(module, kinds))


def add_lora(unet: UNet, target: str = "all", rank: int = 16, alpha: float | None = None, dora: bool = False) -> UNet:
    """Adds adapters to a network, in place; only they have gradients then. The output is the same at first.

    Args:
        unet: the network; its names of tensors change.
        target: one of TARGETS.
        rank: of the adapters.
        alpha: the adapters are scaled by alpha / rank; None: alpha = rank.
        dora: also trains the norm of the weights of each output channel. Temporal convolutions stay as they are then:
            the axis of their channels is not the one that the DoRA of peft expects.

    Returns:
        The same network.

    Raises:
        ValueError: the target or the rank is wrong, or dora is given for weights with an output channel of zeros.
        ModuleNotFoundError: peft is not installed.
    """
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    names = target_layers(unet, target)
    if dora:
        names = [name for name in names if not isinstance(unet.get_submodule(name), nn.Conv1d | nn.Conv3d)]
        _check_norms(unet, names)
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"LoRA needs peft ({error}): pip install peft", name=error.name) from error
    unet.requires_grad_(False)
    pattern = "|".join(map(re.escape, names))
    alpha = rank if alpha is None else alpha
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=pattern, use_dora=dora), unet)  # pyright: ignore[reportArgumentType]
    return unet


def _check_norms(unet: UNet, names: list[str]) -> None:
    for name in names:
        weight = unet.get_parameter(f"{name}.weight")
        if not weight.is_meta and bool((_norms(weight) == 0).any()):
            raise ValueError(
                f"dora needs weights without channels of zeros, which have no direction to keep; {name} has one, as in "
                "a network that was not trained: use a LoRA without dora"
            )


def adapted_layers(network: nn.Module) -> dict[str, Any]:
    """The layers with adapters, by the names that they have in the network without adapters."""
    return {name: layer for name, layer in network.named_modules() if hasattr(layer, "lora_A")}


def adapter_parameters(network: nn.Module) -> list[nn.Parameter]:
    """What is trained of a network with adapters."""
    return [weight for weight in network.parameters() if weight.requires_grad]


@torch.no_grad()
def lora_tensors(unet: UNet) -> dict[str, Tensor]:
    """The adapters in the form of `weights.lora.save_lora`: for each layer lora_up, lora_down, alpha and, of a DoRA,
    dora_scale.

    ComfyUI multiplies W + dW by dora_scale / |W|, where DoRA (equation 5) has m / |W + dW|; |.| is the norm of each
    output channel. The dora_scale here is m |W| / |W + dW|, with which both have the same weights.
    """
    tensors = {}
    for name, layer in adapted_layers(unet).items():
        (adapter,) = layer.active_adapters
        down, up = layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
        tensors[f"{name}.lora_up.weight"] = up.flatten(1) if up.ndim > 2 else up
        tensors[f"{name}.lora_down.weight"] = down
        tensors[f"{name}.alpha"] = torch.tensor(float(layer.lora_alpha[adapter]))
        if layer.use_dora[adapter]:
            weight = _dequantized(layer.get_base_layer().weight)
            change = layer.scaling[adapter] * (up.flatten(1) @ down.flatten(1)).float().view(weight.shape)
            magnitude = layer.lora_magnitude_vector[adapter].weight.float().view(-1, *[1] * (weight.ndim - 1))
            eps = torch.finfo(torch.float32).eps  # ComfyUI adds it to the norm
            tensors[f"{name}.dora_scale"] = magnitude * (_norms(weight) + eps) / _norms(weight + change)
    return tensors


def _norms(weight: Tensor) -> Tensor:
    """The norm of the weights of each output channel (c, ...) -> (c, 1, ...)."""
    weight = _dequantized(weight)
    return weight.flatten(1).norm(dim=1).view(-1, *[1] * (weight.ndim - 1))


def _dequantized(weight: Tensor) -> Tensor:
    return (weight.dequantize() if type(weight).__module__.startswith("torchao") else weight).float()
