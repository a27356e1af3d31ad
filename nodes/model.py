"""HIGEN_MODEL: a denoiser of `higen_core` whose weights ComfyUI's model management owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import comfy.model_management
import comfy.ops
import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io
from torch import nn

from .. import higen_core as hg

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
ACTIVATION_FACTOR = 30
"""Peak activations of one denoiser call, in copies of its largest feature map (frames x latent size x `dim`).

27 by running the graph on fake tensors, for the released network and for mini at several sizes; the rest is a margin.
"""


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

    def load(self, frames: int, height: int, width: int) -> nn.Module:
        """Has ComfyUI bring the weights to the device, all or in part, with room for a latent of this size.

        ComfyUI moves whole layers only; parameters that stand alone (the learned text queries) are moved here.
        """
        one = self.memory_required(frames, height, width)
        comfy.model_management.load_models_gpu([self.patcher], memory_required=2 * one, minimum_memory_required=one)
        for module in self.unet.modules():
            if not isinstance(module, comfy.ops.CastWeightBiasOp):
                for parameter in module.parameters(recurse=False):
                    parameter.data = parameter.data.to(self.device)
        return self.unet

    def has_room_for_two(self, frames: int, height: int, width: int) -> bool:
        """Whether both halves of a guided step fit into the device's memory at once; to be asked after `load`."""
        free = comfy.model_management.get_free_memory(self.device)
        return free >= 2 * self.memory_required(frames, height, width)

    def memory_required(self, frames: int, height: int, width: int) -> int:
        """Bytes of activations for one call of the denoiser on one latent."""
        element = torch.finfo(next(self.unet.parameters()).dtype).bits // 8
        return frames * height * width * self.unet.config.dim * element * ACTIVATION_FACTOR


def load_model(source: str, dtype: str, image_tower: str = "") -> HigenModel:
    """Loads a denoiser ("mini" or a file) at one of DTYPES and hands it to ComfyUI.

    "auto" is what ComfyUI finds best for the device and the user's launch options. The plain layers become ComfyUI's
    casting ones, so that some may stay offloaded.
    """
    device = comfy.model_management.get_torch_device()
    precision = DTYPES[dtype] or comfy.model_management.unet_dtype(device, supported_dtypes=PREFERRED_DTYPES)
    unet = hg.load_unet(source, dtype=precision, device="cpu")
    for module in unet.modules():
        module.__class__ = CASTING.get(type(module), type(module))
    patcher = ModelPatcher(HigenDenoiser(unet), device, comfy.model_management.unet_offload_device())
    return HigenModel(patcher, unet.info, image_tower)
