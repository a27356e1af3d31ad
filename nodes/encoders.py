"""Image encoders that a user may put beside the model's own: DINOv2 in the layout of Hugging Face."""

from __future__ import annotations

import json
from pathlib import Path

from .paths import files, find

FOLDERS = ("clip_vision",)
WEIGHTS = "model.safetensors"


def dinov2_names() -> list[str]:
    """Folders below models/clip_vision that hold DINOv2's config.json and model.safetensors."""
    found = [name for name in files(FOLDERS) if Path(name).name == WEIGHTS and Path(name).parent.name]
    return [str(Path(name).parent) for name in found if _model_type(Path(find(name, FOLDERS)).parent) == "dinov2"]


def dinov2_folder(name: str) -> Path:
    return Path(find(str(Path(name, WEIGHTS)), FOLDERS)).parent


def _model_type(folder: Path) -> str:
    config = folder / "config.json"
    return json.loads(config.read_text()).get("model_type", "") if config.is_file() else ""
