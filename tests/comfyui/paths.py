"""Where things are: this repository, ComfyUI's source, the folder that our servers keep their files in."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / "workflows"
EXAMPLE_INPUTS = WORKFLOWS / "inputs"  # pictures and videos that the workflows load; our servers have them as inputs
BASE = ROOT / ".comfyui" / "base"  # models, input, output … of `make demo` and `make comfyui`
SCREENSHOTS = ROOT / "screenshots"


def comfyui_path() -> Path:
    """ComfyUI's source: the environment's COMFYUI_PATH, else the one `make setup` fetched."""
    path = (ROOT / Path(os.environ.get("COMFYUI_PATH") or ".comfyui/ComfyUI").expanduser()).resolve()
    if not (path / "main.py").is_file():
        raise FileNotFoundError(f"no ComfyUI at {path}: run `make setup`, or set COMFYUI_PATH to yours")
    return path
