"""Paths: this repository, ComfyUI's source, and the folder with the files of `make demo` and `make comfyui`."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / "workflows"
BLUEPRINTS = ROOT / "subgraphs"
EXAMPLE_INPUTS = WORKFLOWS / "inputs"  # images and videos that the workflows load; the pack copies them at its start
BASE = ROOT / ".comfyui" / "base"  # models, input, output … of `make demo` and `make comfyui`
SCREENSHOTS = ROOT / "screenshots"


def comfyui_path() -> Path:
    """ComfyUI's source: the environment variable COMFYUI_PATH, else what `make setup` has downloaded."""
    path = (ROOT / Path(os.environ.get("COMFYUI_PATH") or ".comfyui/ComfyUI").expanduser()).resolve()
    if not (path / "main.py").is_file():
        raise FileNotFoundError(f"no ComfyUI at {path}: run `make setup`, or set COMFYUI_PATH to yours")
    return path
