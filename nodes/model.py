"""HIGEN_MODEL: a denoiser of `higen_core` whose weights ComfyUI's model management owns."""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.ops
import torch
from comfy.cli_args import args
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io
from torch import nn

from .. import higen_core as hg
from ..higen_core.files import open_weights

HigenModelType = io.Custom("HIGEN_MODEL")

DTYPES = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PREFERRED_DTYPES = [torch.bfloat16, torch.float16, torch.float32]  # the first that the device is good at
CASTING = {
    nn.Linear: comfy.ops.manual_cast.Linear,
    nn.Conv1d: comfy.ops.manual_cast.Conv1d,
    nn.Conv2d: comfy.ops.manual_cast.Conv2d,
    nn.Conv3d: comfy.ops.manual_cast.Conv3d,
    nn.GroupNorm: comfy.ops.manual_cast.GroupNorm,
    nn.LayerNorm: comfy.ops.manual_cast.LayerNorm,
}
BF16_PAYS = 100_000_000
"""Parameters from which a CPU that computes in bf16 is given it: smaller networks are as quick, and exact, in fp32."""


class HigenDenoiser(nn.Module):
    """A denoiser under ComfyUI's care: ModelPatcher keeps notes of its own, such as `device`, on the module."""

    def __init__(self, unet: nn.Module):
        super().__init__()
        self.unet = unet
        self.device: torch.device | None = None


@dataclass(frozen=True)
class HigenModel:
    """What travels along a HIGEN_MODEL link.

    `info` says what the weights were trained on (see `hg.load_unet`); `image_tower` is the text encoder's file, for the
    look of pictures as the model's training saw it.
    """

    patcher: ModelPatcher
    info: dict[str, Any]
    image_tower: str = ""

    @property
    def unet(self) -> nn.Module:
        return self.patcher.model.unet

    @property
    def device(self) -> torch.device:
        return self.patcher.load_device

    @property
    def size_step(self) -> int:
        """Pixels that width and height must be multiples of: the VAE shrinks by 8, each level after the first by 2."""
        return 8 * 2 ** (len(self.unet.config.dim_mult) - 1)

    @property
    def parts(self) -> int:
        """Velocities that a guided step of the denoiser needs at most."""
        return 3 if "appearance_guidance" in self.info else 2

    def load(self, frames: int, height: int, width: int) -> nn.Module:
        """Has ComfyUI bring the weights to the device, all or in part, with room for a latent of this size."""
        most = self.activations(frames, height, width, batch=self.parts)
        least = self.activations(frames, height, width, chunk=1)
        comfy.model_management.load_models_gpu([self.patcher], memory_required=most, minimum_memory_required=least)
        move_lone_parameters(self.unet, self.device)
        return self.unet

    def plan(self, frames: int, height: int, width: int) -> hg.Plan:
        """How to run a latent of this size in the memory that is free after `load`; the plan is logged."""
        free = comfy.model_management.get_free_memory(self.device)
        dtype = self.unet.dtype
        plan = hg.plan(self.unet.config, frames, height, width, dtype, free, self.parts)
        precision, weights = str(dtype).removeprefix("torch."), self.patcher.model_size() / 2**30
        logging.info(
            f"HiGen: {weights:.2f} GB of {precision} weights, {free / 2**30:.2f} GB free on {self.device}; "
            f"{8 * width}x{8 * height} pixels: {plan}"
        )
        return plan

    def activations(self, frames: int, height: int, width: int, **how: int) -> int:
        """Bytes that a call of the denoiser needs beside its weights."""
        return hg.activations(self.unet.config, frames, height, width, self.unet.dtype, **how)


def load_model(source: str, dtype: str, image_tower: str = "") -> HigenModel:
    """Loads a denoiser ("mini" or a file) at one of DTYPES and hands it to ComfyUI.

    "auto" is `best_dtype`. The plain layers become ComfyUI's casting ones, so that some may stay offloaded.
    """
    device = comfy.model_management.get_torch_device()
    unet = hg.load_unet(source, dtype=DTYPES[dtype] or best_dtype(source, device), device="cpu")
    let_layers_cast(unet)
    patcher = ModelPatcher(HigenDenoiser(unet), device, comfy.model_management.unet_offload_device())
    return HigenModel(patcher, unet.info, image_tower)


def let_layers_cast(network: nn.Module) -> None:
    """Plain layers become ComfyUI's, whose weights may be on another device and come over when the layer runs."""
    for module in network.modules():
        module.__class__ = CASTING.get(type(module), type(module))


def move_lone_parameters(network: nn.Module, device: torch.device) -> None:
    """ComfyUI moves and casts whole layers only: what stands alone (the learned text queries) is moved here."""
    for module in network.modules():
        if not isinstance(module, comfy.ops.CastWeightBiasOp):
            for name, parameter in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(parameter.to(device), requires_grad=False))


def best_dtype(source: str, device: torch.device) -> torch.dtype:
    """What ComfyUI finds best for the device and the user's launch options; on a CPU, bf16 where it pays."""
    dtype = comfy.model_management.unet_dtype(device, supported_dtypes=PREFERRED_DTYPES)
    if device.type != "cpu" or dtype != torch.float32 or args.fp32_unet or source == "mini" or not cpu_has_bf16():
        return dtype
    large = sum(math.prod(shape) for shape in open_weights(source).shapes.values()) >= BF16_PAYS
    return torch.bfloat16 if large else dtype


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware. Linux says so; elsewhere it is taken not to."""
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", _cpuinfo(), re.MULTILINE)
    return bool(flags) and bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags[1].split()))


@cache
def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.is_file() else ""
