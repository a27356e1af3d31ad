"""Any readable file of weights -> one safetensors file a network, with its config and licence in the metadata."""

from __future__ import annotations

from pathlib import Path

import torch

from .checkpoint import load_clip, load_unet, load_vae, save_network
from .files import open_weights
from .identify import networks_in, seems

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
LOADERS = {"denoiser": load_unet, "vae": load_vae, "clip": load_clip}
LICENCES = {
    "denoiser": "that of iic/HiGen on ModelScope",
    "vae": "CreativeML Open RAIL++-M, as of Stable Diffusion 2.1",
    "clip": "MIT, as of OpenCLIP ViT-H-14 (laion2B-s32B-b79K)",
}
"""Of the released files, for those that do not name theirs."""


def convert(source: str | Path, dtype: str = "bf16", folder: str | Path | None = None) -> list[Path]:
    """Writes SOURCE-NETWORK-DTYPE.safetensors for each of HiGen's networks in a file, by default next to it."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    source = Path(source)
    file = open_weights(source)
    networks = networks_in(file.shapes)
    if not networks:
        raise ValueError(f"{source} holds none of HiGen's networks: it seems to be {seems(file.shapes)}")
    written = []
    for kind in networks:
        network = LOADERS[kind](source, dtype=DTYPES[dtype])
        _check_range(network, dtype)
        info = {"license": LICENCES[kind]} | getattr(network, "info", {})
        info |= {key: value for key, value in file.metadata.items() if key != "config"}
        path = Path(folder or source.parent) / f"{source.stem}-{kind}-{dtype}.safetensors"
        save_network(path, network, DTYPES[dtype], **info)
        written.append(path)
    return written


def _check_range(network: torch.nn.Module, dtype: str) -> None:
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has values that {dtype} cannot hold; try bf16 or fp32")
