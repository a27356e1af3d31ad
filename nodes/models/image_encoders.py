"""Image encoders of the appearance cue: the image tower that comes with a model, and DINOv2."""

from __future__ import annotations

import json
from pathlib import Path
from weakref import WeakValueDictionary

import comfy.model_management
import torch
from comfy.model_patcher import ModelPatcher
from torch import nn

from ... import higen_core as hg
from ...higen_core.weights.files import open_weights
from .folders import files, find, log_once

FOLDERS = ("clip_vision",)
WEIGHTS = "model.safetensors"
CONFIG_SIZE = 2**20
"""Bytes; a larger config.json is none."""

_towers: WeakValueDictionary[str, ImageTower] = WeakValueDictionary()
"""Those that a MODEL has loaded, by their files, for as long as ComfyUI keeps the MODEL."""


class ImageTower:
    """The image tower in a file, loaded and unloaded by ComfyUI like its own models."""

    def __init__(self, source: str):
        self.clip = hg.load_clip(source)
        self.patcher = ModelPatcher(
            nn.ModuleList([self.clip]),
            load_device=comfy.model_management.text_encoder_device(),
            offload_device=comfy.model_management.text_encoder_offload_device(),
        )

    @torch.no_grad()
    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Images (b, h, w, 3) in [0, 1] -> embeddings (b, d), on ComfyUI's device for intermediate results."""
        comfy.model_management.load_models_gpu([self.patcher])
        return self.clip.encode_image(images).to(comfy.model_management.intermediate_device())


def has_image_tower(source: str) -> bool:
    """Whether a file of a text encoder has one too: those in OpenCLIP's tensor names do."""
    return "visual.conv1.weight" in open_weights(source).shapes


def image_tower(source: str) -> ImageTower:
    """The image tower in a file; one that is still loaded, if there is one."""
    tower = _towers.get(source) or ImageTower(source)
    _towers[source] = tower
    return tower


def dinov2_names() -> list[str]:
    """Folders below models/clip_vision with DINOv2's config.json and model.safetensors; what is broken is left out."""
    paths = map(Path, files(FOLDERS))
    return [str(path.parent) for path in paths if path.name == WEIGHTS and path.parent.name and _is_dinov2(path.parent)]


def dinov2_folder(name: str) -> Path:
    """The path of a folder that `dinov2_names` listed."""
    return Path(find(str(Path(name, WEIGHTS)), FOLDERS)).parent


def _is_dinov2(name: Path) -> bool:
    try:
        config = dinov2_folder(str(name)) / "config.json"
        if not config.is_file() or config.stat().st_size > CONFIG_SIZE:
            return False
        content = json.loads(config.read_bytes())  # UTF-8, -16 or -32, with or without a byte order mark
    except (OSError, ValueError, RecursionError) as error:
        log_once(f"the image encoder {name} in models/clip_vision is left out: {error}")
        return False
    return isinstance(content, dict) and content.get("model_type") == "dinov2"
