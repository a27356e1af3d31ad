"""LoRA and DoRA files of a denoiser, in the form that ComfyUI's LoRA loader reads, and their merging into weights.

The tensors of a layer, after its name in `UNet` with the prefix `diffusion_model.`:

    lora_up.weight (out, rank), lora_down.weight (rank, in, ...)   alpha / rank * up @ down is added to the weights
    alpha ()                                                       rank, unless it is there
    dora_scale (out, 1, ...)                                       of a DoRA: sets norms, see `_merged`
    diff, diff_b                                                   added to the weights, and to the bias
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..models.unet import UNet
from .checkpoint import write_tensors
from .detection import describe_checkpoint
from .files import WeightsFile, open_weights

PREFIX, KOHYA_PREFIX = "diffusion_model.", "lora_unet_"
"""Of names of layers; after the second, the one of kohya's scripts, dots are underscores."""
PARTS = {
    "lora_up.weight": "up",
    "lora_down.weight": "down",
    "lora_B.weight": "up",
    "lora_A.weight": "down",
    "alpha": "alpha",
    "dora_scale": "dora_scale",
    "diff": "diff",
    "diff_b": "diff_b",
}
"""Endings of tensor names that are read, and what the tensors are."""


def save_lora(
    path: Path, tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float16, /, **metadata: Any
) -> None:
    """Writes a LoRA to a safetensors file; see `checkpoint.save_network` for how, and for errors.

    Args:
        path: of the file.
        tensors: those of `train.lora.adapters.lora_tensors`.
        dtype: precision of the low-rank matrices in the file; all else is in fp32.
        metadata: JSON values by key.
    """
    dtypes = {name: dtype if PARTS[_ending(name)] in ("up", "down") else torch.float32 for name in tensors}
    write_tensors(path, {f"{PREFIX}{name}": value.to(dtypes[name]) for name, value in tensors.items()}, metadata)


@torch.no_grad()
def load_lora(unet: UNet, path: str | Path, strength: float = 1.0) -> UNet:
    """Merges a LoRA or DoRA into the weights of a network, in place, as ComfyUI's LoRA loader does.

    Several may be merged one after another. To be rid of them, load the network again.

    Args:
        unet: the network.
        path: of the file.
        strength: 1 is as it was trained, 0 is no change; it may be negative.

    Returns:
        The same network.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no LoRA, or that of another network. Nothing is changed then.
    """
    file = open_weights(path)
    owners = _owners(file, unet)
    layers: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in file.tensors(owners):
        layer, part = owners[name]
        layers[layer][part] = tensor.float()
    for layer, parts in layers.items():
        weight = unet.get_parameter(f"{layer}.weight")
        weight.copy_(_merged(weight.float(), {name: part.to(weight.device) for name, part in parts.items()}, strength))
        if "diff_b" in parts:
            bias = unet.get_parameter(f"{layer}.bias")
            bias.copy_(bias.float() + strength * parts["diff_b"].to(bias.device))
    return unet


def _merged(weight: Tensor, parts: Mapping[str, Tensor], strength: float) -> Tensor:
    """The weights W (out, in, ...) in fp32 with a LoRA of theirs.

    With dW = alpha / rank * up @ down and |.| the norm of each output channel, a LoRA gives W + strength dW; a DoRA
    gives W (1 - strength) + strength (W + dW) dora_scale / |W|, as ComfyUI computes it.
    """
    if "diff" in parts:
        weight = weight + strength * parts["diff"]
    if "up" not in parts:
        return weight
    up, down = parts["up"].flatten(1), parts["down"].flatten(1)
    scale = float(parts["alpha"]) / len(down) if "alpha" in parts else 1.0
    change = (up @ down).view(weight.shape)
    if "dora_scale" not in parts:
        return weight + (strength * scale) * change
    norm = weight.flatten(1).norm(dim=1).view_as(parts["dora_scale"]) + torch.finfo(torch.float32).eps
    return weight + strength * ((weight + scale * change) * (parts["dora_scale"] / norm) - weight)


def _owners(file: WeightsFile, unet: UNet) -> dict[str, tuple[str, str]]:
    """The layer that each tensor of a file changes, and what it is: a value of PARTS.

    Raises:
        ValueError: the file is no LoRA, or that of another network.
    """
    own = {name: tuple(tensor.shape) for name, tensor in unet.state_dict().items()}
    layers = {name.removesuffix(".weight") for name in own if name.endswith(".weight")}
    kohya = {KOHYA_PREFIX + layer.replace(".", "_"): layer for layer in layers}
    owners, shapes = {}, defaultdict(dict)
    for name in file.shapes:
        ending = _ending(name)
        prefixed = name.removesuffix(f".{ending}")
        layer = kohya.get(prefixed, prefixed.removeprefix(PREFIX))
        if ending not in PARTS or layer not in layers:
            raise _refused(file, f"its tensor {name} is for no layer of this network, or of an unknown kind")
        owners[name] = layer, PARTS[ending]
        shapes[layer][PARTS[ending]] = file.shapes[name]
    for layer, parts in shapes.items():
        if problem := _misfit(parts, own[f"{layer}.weight"], own.get(f"{layer}.bias", ())):
            raise _refused(file, f"in layer {layer}, {problem}")
    if not owners:
        raise _refused(file, "it has no tensors")
    return owners


def _ending(name: str) -> str:
    """The key of PARTS that a tensor's name ends with, or else what is after its last dot."""
    return next((ending for ending in PARTS if name.endswith(f".{ending}")), name.rpartition(".")[2])


def _misfit(parts: Mapping[str, tuple[int, ...]], weight: tuple[int, ...], bias: tuple[int, ...]) -> str:
    """What is wrong with the shapes of the tensors for a layer, or ""."""
    out, inputs = weight[0], math.prod(weight[1:])
    if ("up" in parts) != ("down" in parts):
        return "there is only one of lora_up and lora_down"
    if "up" in parts:
        up, down = parts["up"], parts["down"]
        if (up[0], math.prod(up[1:]), math.prod(down[1:])) != (out, down[0], inputs):
            return f"lora_up {up} and lora_down {down} do not fit weights of {weight}"
    elif {"alpha", "dora_scale"} & parts.keys():
        return "there are no lora_up and lora_down"
    sizes = {"alpha": 1, "dora_scale": out, "diff": math.prod(weight), "diff_b": math.prod(bias)}
    for part, size in sizes.items():
        if part in parts and math.prod(parts[part]) != size:
            return f"{part} is {parts[part]}, which does not fit weights of {weight}"
    return ""


def _refused(file: WeightsFile, problem: str) -> ValueError:
    return ValueError(
        f"{file.path} is no LoRA of this network: it looks like {describe_checkpoint(file.shapes)}; {problem}. "
        "Take a LoRA that was trained on these weights"
    )
