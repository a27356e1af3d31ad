"""DINOv2 in ComfyUI's model folders, as another image encoder for the appearance cue."""

from __future__ import annotations

import json
from pathlib import Path

from .folders import files, find

FOLDERS = ("clip_vision",)
WEIGHTS = "model.safetensors"


def dinov2_names() -> list[str]:
    """Folders below models/clip_vision with DINOv2's config.json and model.safetensors."""
    paths = map(Path, files(FOLDERS))
    names = [str(path.parent) for path in paths if path.name == WEIGHTS and path.parent.name]
    return [name for name in names if _model_type(dinov2_folder(name)) == "dinov2"]


def dinov2_folder(name: str) -> Path:
    """The path of a folder that `dinov2_names` listed."""
    return Path(find(str(Path(name, WEIGHTS)), FOLDERS)).parent


def _model_type(folder: Path) -> str:
    """`model_type` in config.json; "" without that file or that key."""
    config = folder / "config.json"
    return json.loads(config.read_text()).get("model_type", "") if config.is_file() else ""
