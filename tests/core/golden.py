"""Outputs of the released implementation. tests/golden/README.md describes how they were computed."""

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

FOLDER = Path(__file__).parents[1] / "golden"


def path(name):
    return FOLDER / f"{name}.safetensors"


def cases(name, prefix=""):
    """Tensors of a file whose names start with `prefix`, by the rest of their names."""
    return {key.removeprefix(prefix): value for key, value in load_file(path(name)).items() if key.startswith(prefix)}


def metadata(name):
    with safe_open(path(name), "pt") as file:
        return {key: json.loads(value) for key, value in file.metadata().items()}


def manifest(network):
    """Tensor names and shapes of a full-size released file."""
    return json.loads((FOLDER / f"{network}_full_manifest.json").read_text())


def max_error(result, expected):
    return (result - expected).abs().max().item()
