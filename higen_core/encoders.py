"""Other eyes for the appearance cue than the image tower that comes with a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from torch import Tensor

if TYPE_CHECKING:
    from .extract import ImageEncoder

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DINOV2_SIZE = 224
"""Pixels of the square that DINOv2 looks at; a multiple of its patches of 14."""


def load_dinov2(folder: str | os.PathLike[str], device: torch.device | str = "cpu") -> ImageEncoder:
    """The image encoder in a folder of Hugging Face's layout (config.json, model.safetensors); nothing is downloaded.

    Its floor is its own: the cosine of unrelated pictures is near 0.
    """
    from transformers import AutoConfig, AutoModel

    if not (Path(folder) / "config.json").is_file():
        raise FileNotFoundError(f"{folder} holds no config.json: put DINOv2's files there")
    kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    if kind != "dinov2":
        raise ValueError(f"{folder} holds a model of type {kind!r}, not 'dinov2'")
    model = AutoModel.from_pretrained(folder, local_files_only=True).to(device).eval()

    @torch.no_grad()
    def encode(pictures: Tensor) -> Tensor:
        """Pictures (b, h, w, 3) in [0, 1] -> class tokens (b, d). The short side fills the square."""
        from kornia.geometry.transform import resize

        x = resize(rearrange(pictures.to(device), "b h w c -> b c h w"), DINOV2_SIZE, side="short", antialias=True)
        top, left = (x.shape[2] - DINOV2_SIZE) // 2, (x.shape[3] - DINOV2_SIZE) // 2
        x = x[:, :, top : top + DINOV2_SIZE, left : left + DINOV2_SIZE]
        mean, std = (x.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        return model((x - mean) / std).pooler_output

    return encode
