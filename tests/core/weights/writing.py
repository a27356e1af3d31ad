"""Writes tensors to files of any format."""

import json

import torch
from safetensors.torch import save_file


def write(path, tensors, **metadata):
    """Writes in the format of the path's suffix; only safetensors has metadata. Returns the path."""
    if path.suffix == ".safetensors":
        save_file(tensors, path, {key: json.dumps(value) for key, value in metadata.items()})
    else:
        torch.save(tensors, path)
    return path
