"""VAE: the autoencoder as ComfyUI's own object, so that stock VAE Encode and Decode (Tiled) drive it."""

from __future__ import annotations

import logging
from typing import Any

import comfy.diffusers_convert
import comfy.model_management
import comfy.sd
import torch
from torch import nn

from .. import higen_core as hg
from ..higen_core.checkpoint import vae_names
from ..higen_core.files import open_weights
from ..higen_core.identify import seems

RELEASED_GROUPS = 32  # channel groups of every norm; ComfyUI builds no other number


class HigenVAE(comfy.sd.VAE):
    """ComfyUI's VAE, which decodes a clip a few frames at a time and says so: left to itself it fills what is free."""

    def decode(self, samples_in: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Latents (f, 4, h, w) -> frames (f, 8 h, 8 w, 3) in [0, 1]."""
        frames, _, height, width = samples_in.shape
        each = int(self.memory_used_decode(samples_in.shape, self.vae_dtype))  # ComfyUI's estimate, of one frame
        comfy.model_management.load_models_gpu([self.patcher], memory_required=each)
        free = comfy.model_management.get_free_memory(self.device)
        plan = hg.plan_decoding(frames, each, free)
        logging.info(f"HiGen: {free / 2**30:.2f} GB free on {self.device}; {8 * width}x{8 * height} pixels: {plan}")
        decode = super().decode
        return torch.cat([decode(part, *args, **kwargs) for part in samples_in.split(plan.chunk)])


def load_vae(path: str) -> HigenVAE:
    """A 4-channel VAE that shrinks 8x: of any width with our `config`, without one Stable Diffusion 1.x's or 2.x's."""
    file = open_weights(path)
    names = vae_names(file.shapes)
    shapes = {ours: file.shapes[theirs] for theirs, ours in names.items()}
    if shapes.get("decoder.conv_in.weight", (0, 0))[1] != 4:
        raise ValueError(
            f"{path} holds no 4-channel VAE, it seems to be {seems(file.shapes)}. HiGen's released weights need that "
            "of Stable Diffusion 2.1: v2-1_512-ema-pruned.ckpt in models/checkpoints, or its VAE alone in models/vae"
        )
    weights = {names[name]: tensor for name, tensor in file.tensors(names)}
    if "decoder.up_blocks.0.resnets.0.norm1.weight" in weights:
        weights = comfy.diffusers_convert.convert_vae_state_dict(weights)
    config, groups = None, RELEASED_GROUPS
    if "config" in file.metadata:
        ddconfig = {
            "double_z": True,
            "resolution": 256,
            "in_channels": 3,
            "out_ch": 3,
            "z_channels": 4,
            "attn_resolutions": [],
            "dropout": 0.0,
            **file.metadata["config"],
        }
        groups = ddconfig.pop("norm_groups", RELEASED_GROUPS)
        if len(ddconfig["ch_mult"]) != 4:
            raise ValueError(f"{path}: HiGen needs a VAE of 4 levels (it shrinks 8x), got {len(ddconfig['ch_mult'])}")
        config = {"params": {"ddconfig": ddconfig, "embed_dim": weights["post_quant_conv.weight"].shape[1]}}
    vae = HigenVAE(sd=weights, config=config)
    for module in vae.first_stage_model.modules():
        if isinstance(module, nn.GroupNorm):
            module.num_groups = groups
    if missing := sorted(set(vae.first_stage_model.state_dict()) - set(weights)):
        raise ValueError(f"{path} is not a complete VAE: {len(missing)} tensors are missing, the first is {missing[0]}")
    return vae
