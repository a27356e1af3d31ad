"""The folders with weights: ComfyUI's model folders, through `folder_paths`, and the bundled weights."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import folder_paths
import torch

MINI = "bundled: mini"
AUTO = "auto"
DENOISER_FOLDERS = ("higen", "diffusion_models")
TEXT_FOLDERS = ("text_encoders",)
VAE_FOLDERS = ("vae", "checkpoints")
MINI_DIR = Path(__file__).parents[2] / "higen_core" / "mini"
LORAS = MINI_DIR / "loras"
"""A folder of its own: ComfyUI lists every file in a folder of LoRAs."""


def register_model_folder() -> None:
    """Adds `models/higen`, created if missing and possible, to the folders of "higen" in `extra_model_paths.yaml`."""
    folder = os.path.join(folder_paths.models_dir, "higen")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        log_once(f"the folder for HiGen's weights cannot be created: {error}")
    folder_paths.add_model_folder_path("higen", folder)
    paths, _ = folder_paths.folder_names_and_paths["higen"]
    folder_paths.folder_names_and_paths["higen"] = (paths, folder_paths.supported_pt_extensions)


def register_loras() -> None:
    """Adds the folder of the bundled LoRAs to ComfyUI's, so that its LoRA loaders list them beside the user's."""
    folder_paths.add_model_folder_path("loras", str(LORAS))


@contextmanager
def naming(path: str, network: str) -> Iterator[None]:
    """Turns the errors with which ComfyUI's code ends for tensors that do not fit into one that names the file."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} does not fit: its tensors do not make {network}: {reason}") from error


def files(folders: tuple[str, ...]) -> list[str]:
    """Names of all files in these model folders, without duplicates; folders that cannot be read are left out."""
    return list(dict.fromkeys(name for folder in folders for name in _names(folder)))


def _names(folder: str) -> list[str]:
    try:
        return folder_paths.get_filename_list(folder)
    except OSError as error:
        log_once(f"models/{folder} is left out, it cannot be read: {error}")
        return []


@cache
def log_once(message: str) -> None:
    logging.warning("HiGen: %s", message.encode(errors="backslashreplace").decode())


def find(name: str, folders: tuple[str, ...]) -> str:
    """The path of a file that `files` listed; of several with the same name, the first.

    Raises:
        FileNotFoundError: it does not exist any more.
    """
    for folder in folders:
        if path := folder_paths.get_full_path(folder, name):
            return path
    raise FileNotFoundError(f"{name!r} is in none of the model folders {', '.join(folders)}; refresh the page (R)")


def bundled(network: str) -> str:
    """The path of one of mini's networks: denoiser, vae or clip."""
    return str(MINI_DIR / f"{network}.safetensors")
