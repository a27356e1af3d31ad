"""VAE: the autoencoder as ComfyUI's own object, for the stock nodes VAE Encode and VAE Decode (Tiled)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from reprlib import repr as short_repr
from typing import Any

import comfy.diffusers_convert
import comfy.model_management
import comfy.sd
import torch
from torch import nn

from ... import higen_core as hg
from ...higen_core.models.config import RELEASED_VAE, VAEConfig
from ...higen_core.weights.checkpoint import metadata_of, read_config, vae_names
from ...higen_core.weights.detection import describe_checkpoint
from ...higen_core.weights.files import open_weights
from .folders import naming

RELEASED_GROUPS = 32
"""Groups of all GroupNorm layers. ComfyUI builds them with this number, whatever the config says."""


@dataclass(frozen=True)
class ImageRange:
    """Images that a VAE was trained on.

    Attributes:
        psnr: dB of the decoded image compared with itself; below it, an image is unlike those of the training.
        description: of the images, in a few words.
    """

    psnr: float
    description: str


class HigenVAE(comfy.sd.VAE):
    """ComfyUI's VAE with a limit on the frames that it decodes at a time. ComfyUI itself fills all free memory."""

    image_range: ImageRange | None = None  # those that it was trained on; None if it is not stated

    def decode(self, samples_in: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Latents (f, 4, h, w) -> frames (f, 8 h, 8 w, 3) in [0, 1]. The plan is logged."""
        frames, _, height, width = samples_in.shape
        bytes_per_frame = int(self.memory_used_decode(samples_in.shape, self.vae_dtype))  # ComfyUI's estimate
        comfy.model_management.load_models_gpu([self.patcher], memory_required=bytes_per_frame)
        free = comfy.model_management.get_free_memory(self.device)
        plan = hg.plan_decoding(frames, bytes_per_frame, free)
        logging.info(f"HiGen: {free / 2**30:.2f} GB free on {self.device}; {8 * width}x{8 * height} pixels: {plan}")
        if self.device.type == "cpu":  # whose convolutions are faster with the channels last
            samples_in = samples_in.contiguous(memory_format=torch.channels_last)
        decode = super().decode
        return torch.cat([decode(chunk, *args, **kwargs) for chunk in samples_in.split(plan.chunk)])


def load_vae(path: str) -> HigenVAE:
    """Loads a VAE with 4 channels and latents of 1/8 of the image size.

    Args:
        path: of a file. Without a `config` in its metadata it is taken for the VAE of Stable Diffusion 1.x or 2.x.

    Raises:
        ValueError: it is another network, or tensors are missing.
    """
    file = open_weights(path)
    names = vae_names(file.shapes)
    shapes = {name: file.shapes[name_in_file] for name_in_file, name in names.items()}
    if shapes.get("decoder.conv_in.weight", (0, 0))[1] != 4:
        raise ValueError(
            f"{path} contains no VAE with 4 channels, it looks like {describe_checkpoint(file.shapes)}. HiGen's "
            "released weights need the VAE of Stable Diffusion 2.1: v2-1_512-ema-pruned.ckpt in models/checkpoints, or "
            "its VAE alone in models/vae"
        )
    weights = {names[name]: tensor.clone() for name, tensor in file.tensors(names)}  # else they change with the file
    if "decoder.up_blocks.0.resnets.0.norm1.weight" in weights:
        with naming(path, "a VAE"):
            weights = comfy.diffusers_convert.convert_vae_state_dict(weights)
    config, groups = None, RELEASED_GROUPS
    if "config" in file.metadata:
        ddconfig = {
            "double_z": True,
            "resolution": 256,
            "attn_resolutions": [],
            "dropout": 0.0,
            **read_config(file, VAEConfig, RELEASED_VAE).to_dict(),
        }
        groups = ddconfig.pop("norm_groups")
        if len(ddconfig["ch_mult"]) != 4:
            raise ValueError(
                f"{path}: HiGen needs a VAE of 4 levels (latents of 1/8 of the image size), "
                f"got {len(ddconfig['ch_mult'])}"
            )
        embedded = shapes.get("post_quant_conv.weight", (0, 0))[1]
        config = {"params": {"ddconfig": ddconfig, "embed_dim": embedded}}
    with naming(path, "a VAE"):
        vae = HigenVAE(sd=weights, config=config)
    for module in vae.first_stage_model.modules():
        if isinstance(module, nn.GroupNorm):
            module.num_groups = groups
    if stated := metadata_of(file).get("pictures"):
        vae.image_range = read_image_range(path, stated)
    if missing := sorted(set(vae.first_stage_model.state_dict()) - set(weights)):
        raise ValueError(f"{path} is not a complete VAE: {len(missing)} tensors are missing, the first is {missing[0]}")
    return vae


def read_image_range(path: str, stated: Any) -> ImageRange:
    """The value of `pictures` in the metadata of a file; raises ValueError, with the file, for another one."""
    if isinstance(stated, dict) and stated.keys() == {"psnr", "description"}:
        psnr, description = stated["psnr"], stated["description"]
        if isinstance(psnr, int | float) and isinstance(description, str):
            return ImageRange(psnr, description)
    raise ValueError(
        f"{path}: pictures in its metadata must have a psnr in dB and a description, got {short_repr(stated)}"
    )
