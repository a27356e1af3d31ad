"""Paths: this repository, ComfyUI's source, and the folder with the files of `make demo` and `make comfyui`."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / "workflows"
BLUEPRINTS = ROOT / "subgraphs"
EXAMPLE_INPUTS = WORKFLOWS / "inputs"  # images and videos that the workflows load; the pack copies them at its start
BASE = ROOT / ".comfyui" / "base"  # models, input, output … of `make demo` and `make comfyui`
SCREENSHOTS = ROOT / "screenshots"
FRONTEND = "comfyui_frontend_package"  # the Python package that holds the files of the page


def comfyui_path() -> Path:
    """ComfyUI's source: the environment variable COMFYUI_PATH, else what `make setup` has downloaded."""
    path = (ROOT / Path(os.environ.get("COMFYUI_PATH") or ".comfyui/ComfyUI").expanduser()).resolve()
    if not (path / "main.py").is_file():
        raise FileNotFoundError(f"no ComfyUI at {path}: run `make setup`, or set COMFYUI_PATH to yours")
    return path


def frontend_path() -> Path | None:
    """Where another frontend is installed: the environment variable COMFYUI_FRONTEND. None: the one beside ComfyUI."""
    folder = os.environ.get("COMFYUI_FRONTEND")
    path = folder and (ROOT / Path(folder).expanduser()).resolve()
    if path and not (path / FRONTEND / "static").is_dir():
        install = f"pip install --no-deps --target {path} comfyui-frontend-package==VERSION"
        raise FileNotFoundError(f"no frontend in {path}: run `{install}`, or unset COMFYUI_FRONTEND")
    return path or None
