"""A small DINOv2 with random weights, the same in every test."""

from pathlib import Path

import torch

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 224, "patch_size": 14}


def random_dinov2(folder: Path, seed: int = 0) -> Path:
    """Writes config.json and model.safetensors into a folder, which is made if missing."""
    from transformers import Dinov2Config, Dinov2Model

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        Dinov2Model(Dinov2Config(**SIZES, initializer_range=0.3, layerscale_value=1.0)).save_pretrained(folder)
    return folder
