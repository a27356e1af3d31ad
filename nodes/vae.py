"""VAE: the autoencoder as ComfyUI's own object, so that stock VAE Encode and Decode (Tiled) drive it."""

from __future__ import annotations

import json

import comfy.sd
import comfy.utils
from torch import nn

RELEASED_GROUPS = 32  # channel groups of every norm; ComfyUI builds no other number
PREFIX = "first_stage_model."  # where a whole Stable Diffusion checkpoint keeps its VAE


def load_vae(path: str) -> comfy.sd.VAE:
    """A 4-channel VAE that shrinks 8x: of any width with our `config`, without one Stable Diffusion 1.x's or 2.x's."""
    weights, metadata = comfy.utils.load_torch_file(path, safe_load=True, return_metadata=True)
    if any(name.startswith(PREFIX) for name in weights):
        weights = {name.removeprefix(PREFIX): value for name, value in weights.items() if name.startswith(PREFIX)}
    if "decoder.conv_in.weight" not in weights or weights["decoder.conv_in.weight"].shape[1] != 4:
        raise ValueError(
            f"{path} holds no 4-channel VAE. HiGen's released weights need that of Stable Diffusion 2.1: "
            "v2-1_512-ema-pruned.ckpt in models/checkpoints, or its VAE alone in models/vae"
        )
    config, groups = None, RELEASED_GROUPS
    if "config" in (metadata or {}):
        ddconfig = {
            "double_z": True,
            "resolution": 256,
            "in_channels": 3,
            "out_ch": 3,
            "z_channels": 4,
            "attn_resolutions": [],
            "dropout": 0.0,
            **json.loads(metadata["config"]),
        }
        groups = ddconfig.pop("norm_groups", RELEASED_GROUPS)
        if len(ddconfig["ch_mult"]) != 4:
            raise ValueError(f"{path}: HiGen needs a VAE of 4 levels (it shrinks 8x), got {len(ddconfig['ch_mult'])}")
        config = {"params": {"ddconfig": ddconfig, "embed_dim": weights["post_quant_conv.weight"].shape[1]}}
    vae = comfy.sd.VAE(sd=weights, config=config)
    for module in vae.first_stage_model.modules():
        if isinstance(module, nn.GroupNorm):
            module.num_groups = groups
    if missing := sorted(set(vae.first_stage_model.state_dict()) - set(weights)):
        raise ValueError(f"{path} is not a complete VAE: {len(missing)} tensors are missing, the first is {missing[0]}")
    return vae
