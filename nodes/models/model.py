"""HIGEN_MODEL: a denoiser of `higen_core` whose weights ComfyUI's model management loads and unloads."""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import comfy.model_management
import comfy.ops
import torch
from comfy.cli_args import args
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io
from torch import nn

from ... import higen_core as hg
from ...higen_core.weights.files import open_weights

HigenModelType = io.Custom("HIGEN_MODEL")

DTYPES = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PREFERRED_DTYPES = [torch.bfloat16, torch.float16, torch.float32]
"""ComfyUI chooses the first of them that is fast on the device."""
CASTING_LAYERS = {
    nn.Linear: comfy.ops.manual_cast.Linear,
    nn.Conv1d: comfy.ops.manual_cast.Conv1d,
    nn.Conv2d: comfy.ops.manual_cast.Conv2d,
    nn.Conv3d: comfy.ops.manual_cast.Conv3d,
    nn.GroupNorm: comfy.ops.manual_cast.GroupNorm,
    nn.LayerNorm: comfy.ops.manual_cast.LayerNorm,
}
BF16_CPU_PARAMETERS = 100_000_000
"""Size from which a network runs in bf16 on a CPU that supports it. Smaller ones are no faster than in fp32."""


class HigenDenoiser(nn.Module):
    """The root module that ModelPatcher manages. It sets attributes of its own, such as `device`, on this module."""

    def __init__(self, unet: hg.UNet):
        super().__init__()
        self.unet = unet
        self.device: torch.device | None = None


@dataclass(frozen=True)
class HigenModel:
    """The value of a HIGEN_MODEL link.

    Attributes:
        patcher: ComfyUI's handle of the denoiser.
        info: what the weights were trained on.
        image_tower: path of the text encoder's file, whose image tower measures appearance; "" if there is none.
    """

    patcher: ModelPatcher
    info: hg.ModelInfo
    image_tower: str = ""

    @property
    def unet(self) -> hg.UNet:
        return self.patcher.model.unet

    @property
    def device(self) -> torch.device:
        """The device that the denoiser computes on."""
        return self.patcher.load_device

    @property
    def size_step(self) -> int:
        """Pixels that width and height must be multiples of: 8 for the VAE, times 2 for each level after the first."""
        return 8 * 2 ** (len(self.unet.config.dim_mult) - 1)

    @property
    def branches(self) -> int:
        """Maximum number of evaluations of the denoiser in a guided step."""
        return 3 if self.info.appearance_guidance is not None else 2

    def load(self, frames: int, height: int, width: int) -> hg.UNet:
        """Lets ComfyUI load the weights to the device, all or in part, with room for a latent of this size."""
        required = self.activations(frames, height, width, batch=self.branches)
        minimum = self.activations(frames, height, width, chunk=1)
        comfy.model_management.load_models_gpu(
            [self.patcher], memory_required=required, minimum_memory_required=minimum
        )
        move_lone_parameters(self.unet, self.device)
        self.unet.execution_device = self.device  # also when ComfyUI left all weights on the CPU
        return self.unet

    def plan(self, frames: int, height: int, width: int) -> hg.Plan:
        """Plans a run in the memory that is free after `load`, for a latent of this size. The plan is logged."""
        free = comfy.model_management.get_free_memory(self.device)
        dtype = self.unet.dtype
        plan = hg.plan(self.unet.config, frames, height, width, dtype, free, self.branches)
        precision, weights = str(dtype).removeprefix("torch."), self.patcher.model_size() / 2**30
        logging.info(
            f"HiGen: {weights:.2f} GB of {precision} weights, {free / 2**30:.2f} GB free on {self.device}; "
            f"{8 * width}x{8 * height} pixels: {plan}"
        )
        return plan

    def activations(self, frames: int, height: int, width: int, **options: int) -> int:
        """Bytes of the activations in a call of the denoiser; `options` are those of `hg.activations`."""
        return hg.activations(self.unet.config, frames, height, width, self.unet.dtype, **options)


def load_model(source: str, dtype: str, image_tower: str = "") -> HigenModel:
    """Loads a denoiser and registers it with ComfyUI's model management.

    Args:
        source: "mini" or the path of a file.
        dtype: a key of DTYPES; "auto" is `best_dtype`.
        image_tower: see `HigenModel`.
    """
    device = comfy.model_management.get_torch_device()
    unet = hg.load_unet(source, dtype=DTYPES[dtype] or best_dtype(source, device), device="cpu")
    use_casting_layers(unet)
    patcher = ModelPatcher(HigenDenoiser(unet), device, comfy.model_management.unet_offload_device())
    return HigenModel(patcher, unet.info, image_tower)


def use_casting_layers(network: nn.Module) -> None:
    """Turns plain layers into ComfyUI's, which can keep their weights on another device until they run."""
    for module in network.modules():
        module.__class__ = CASTING_LAYERS.get(type(module), type(module))


def move_lone_parameters(network: nn.Module, device: torch.device) -> None:
    """Moves parameters that belong to no layer (the learned queries of the text resampler), which ComfyUI does not."""
    for module in network.modules():
        if not isinstance(module, comfy.ops.CastWeightBiasOp):
            for name, parameter in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(parameter.to(device), requires_grad=False))


def best_dtype(source: str, device: torch.device) -> torch.dtype:
    """The dtype that ComfyUI chooses for the device and the launch options; on some CPUs bf16 for large networks."""
    dtype = comfy.model_management.unet_dtype(device, supported_dtypes=PREFERRED_DTYPES)
    if device.type != "cpu" or dtype != torch.float32 or args.fp32_unet or source == "mini" or not cpu_has_bf16():
        return dtype
    parameters = sum(math.prod(shape) for shape in open_weights(source).shapes.values())
    return torch.bfloat16 if parameters >= BF16_CPU_PARAMETERS else dtype


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware, as Linux reports it; False on other systems."""
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", _cpuinfo(), re.MULTILINE)
    return bool(flags) and bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags[1].split()))


@cache
def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.is_file() else ""
