"""Converts any readable file of weights to safetensors files, one for each network, with config and license."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..models.network import Network
from .checkpoint import load_clip, load_unet, load_vae, save_network
from .detection import describe_checkpoint, networks_in
from .files import open_weights

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
LOADERS = {"denoiser": load_unet, "vae": load_vae, "clip": load_clip}
LICENSES = {
    "denoiser": "that of iic/HiGen on ModelScope",
    "vae": "CreativeML Open RAIL++-M, as of Stable Diffusion 2.1",
    "clip": "MIT, as of OpenCLIP ViT-H-14 (laion2B-s32B-b79K)",
}
"""Licenses of the released files, for files whose metadata does not state one."""


def convert(source: str | Path, dtype: str = "bf16", folder: str | Path | None = None) -> list[Path]:
    """Writes SOURCE-NETWORK-DTYPE.safetensors for each of HiGen's networks in a file.

    Args:
        source: a file that `open_weights` reads.
        dtype: precision of the new file, a key of DTYPES.
        folder: where to write; None means the folder of `source`.

    Returns:
        the paths of the new files.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: `dtype` is unknown or cannot represent the weights, or the file contains none of the networks.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    source = Path(source)
    file = open_weights(source)
    kinds = networks_in(file.shapes)
    if not kinds:
        raise ValueError(
            f"{source} contains none of HiGen's networks: it looks like {describe_checkpoint(file.shapes)}"
        )
    written = []
    for kind in kinds:
        network = LOADERS[kind](source, dtype=DTYPES[dtype])
        _check_range(network, dtype)
        path = Path(folder or source.parent) / f"{source.stem}-{kind}-{dtype}.safetensors"
        save_network(path, network, DTYPES[dtype], **_metadata(kind, network, file.metadata))
        written.append(path)
    return written


def _metadata(kind: str, network: Network, metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata of the new file. For a denoiser it is complete: values missing in the source have their defaults."""
    if kind == "denoiser":
        metadata = network.info.to_metadata()
    return {"license": LICENSES[kind], **metadata}


def _check_range(network: Network, dtype: str) -> None:
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has values that {dtype} cannot represent; try bf16 or fp32")
