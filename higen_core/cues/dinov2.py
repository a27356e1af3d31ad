"""DINOv2 as the image encoder of the appearance cue, in place of the image tower that comes with a model.

Nothing else in the package depends on this module; the public namespace only re-exports it. It needs transformers,
which is installed with ComfyUI, but not with this package.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..media.square import center_square

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .extraction import ImageEncoder

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGE_SIZE = 224
"""Width and height in pixels of the images that DINOv2 encodes; a multiple of its patch size, 14."""


class DINOv2(nn.Module):
    """The network of transformers, and what it makes of images.

    Args:
        folder: see `load_dinov2`, as are the errors.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        super().__init__()
        self.network = _read(folder).eval()

    @torch.no_grad()
    def encode_image(self, images: Tensor) -> Tensor:
        """Images (b, h, w, 3) in [0, 1], resized by the short side and cropped to a square -> class tokens (b, d)."""
        x = center_square(images.to(self.network.device), IMAGE_SIZE)
        mean, std = (x.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        return self.network((x - mean) / std).pooler_output


def load_dinov2(folder: str | os.PathLike[str], device: torch.device | str = "cpu") -> ImageEncoder:
    """Loads DINOv2 (Oquab et al. 2023) from a folder in Hugging Face's layout; nothing is downloaded.

    The cosine similarity of unrelated images is near 0 with this encoder, so the `floor` of `extract_cues` is 0 and not
    that of a model's own image tower.

    Args:
        folder: with config.json and model.safetensors.
        device: where images are encoded.

    Returns:
        A function from images (b, h, w, 3) in [0, 1] to class tokens (b, d).

    Raises:
        FileNotFoundError: no config.json in the folder.
        ValueError: a model of another type, or tensors that are missing or damaged.
    """
    return DINOv2(folder).to(device).encode_image


def _read(folder: str | os.PathLike[str]) -> PreTrainedModel:
    from transformers import AutoConfig, AutoModel

    if not (Path(folder) / "config.json").is_file():
        raise FileNotFoundError(f"{folder} has no config.json: put DINOv2's files there")
    model_type = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    if model_type != "dinov2":
        raise ValueError(f"{folder} has a model of type {model_type!r}, not 'dinov2'")
    model, report = AutoModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    if missing := sorted(report["missing_keys"]):
        raise ValueError(
            f"the weights in {folder} are not those of its config.json: {len(missing)} tensors are missing, the first "
            f"is {missing[0]}"
        )
    if broken := [name for name, value in model.state_dict().items() if not torch.isfinite(value).all()]:
        raise ValueError(f"the weights in {folder} are damaged: {broken[0]} has NaN or infinite values")
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()  # else they change with the file
    return model
