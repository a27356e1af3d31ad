"""Image encoders of the appearance cue: the image tower that comes with a model, and DINOv2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary, finalize

import comfy.model_management
import torch
from comfy.model_patcher import ModelPatcher
from torch import nn

from ... import higen_core as hg
from ...higen_core.cues.dinov2 import DINOv2
from ...higen_core.models.clip import CLIP
from ...higen_core.weights.files import open_weights
from .folders import files, find, log_once

FOLDERS = ("clip_vision",)
WEIGHTS = "model.safetensors"
CONFIG_SIZE = 2**20
"""Bytes; a larger config.json is none."""

_encoders: WeakValueDictionary[str, ImageEncoder] = WeakValueDictionary()
"""Those that are in use, by their files: a MODEL keeps its image tower, for as long as ComfyUI keeps the MODEL."""
_kept: list[finalize] = []
"""What keeps the DINOv2 that was used last, for as long as ComfyUI has it loaded."""


class ImageEncoder:
    """A network that embeds images, loaded and unloaded by ComfyUI like its own models."""

    def __init__(self, network: CLIP | DINOv2):
        self.network = network
        self.patcher = ModelPatcher(
            nn.ModuleList([network]),
            load_device=comfy.model_management.text_encoder_device(),
            offload_device=comfy.model_management.text_encoder_offload_device(),
        )

    def load(self) -> None:
        """Puts it onto its device, never in part: its layers cannot compute with weights on another device."""
        comfy.model_management.load_models_gpu([self.patcher], force_full_load=True)

    @torch.no_grad()
    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Images (b, h, w, 3) in [0, 1] -> embeddings (b, d), on ComfyUI's device for intermediate results."""
        self.load()
        return self.network.encode_image(images).to(comfy.model_management.intermediate_device())


def has_image_tower(source: str) -> bool:
    """Whether a file of a text encoder has one too: those in OpenCLIP's tensor names do."""
    return "visual.conv1.weight" in open_weights(source).shapes


def image_tower(source: str) -> ImageEncoder:
    """The image tower in a file; one that is still loaded, if there is one."""
    return _encoder(source, lambda: hg.load_clip(source))


def dinov2(name: str) -> ImageEncoder:
    """DINOv2 of a folder that `dinov2_names` listed; the one that is still loaded, unless its files have changed.

    It is kept until ComfyUI unloads it, on a GPU to make room and everywhere at /free, or another one is asked for.
    """
    folder = dinov2_folder(name)
    changed = [(folder / file).stat().st_mtime_ns for file in (WEIGHTS, "config.json")]
    encoder = _encoder(f"{folder} of {changed}", lambda: DINOv2(folder))
    _keep(encoder)
    return encoder


def _encoder(key: str, load: Callable[[], CLIP | DINOv2]) -> ImageEncoder:
    encoder = _encoders.get(key) or ImageEncoder(load())
    _encoders[key] = encoder
    return encoder


def _keep(encoder: ImageEncoder) -> None:
    """Loads an encoder, and refers to it until ComfyUI, whose own references are weak, has unloaded it.

    The finalizer of ComfyUI's entry refers to its arguments, and lets go of them at exit, before modules are cleared.
    """
    encoder.load()
    (entry,) = (entry for entry in comfy.model_management.current_loaded_models if entry.model is encoder.patcher)
    while _kept:
        _kept.pop().detach()
    _kept.append(finalize(entry, id, encoder))


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
