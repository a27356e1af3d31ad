"""Time and peak memory of loading a denoiser into bf16, from a file in the page cache."""

import json
import sys
import time
from pathlib import Path

import torch

import higen_core as hg
from higen_core.weights.conversion import convert
from higen_core.weights.key_mapping import released_name

from ..comfyui.released_files import tensors, write_one
from .process import check_memory, peak
from .step import SIZES


def write(size: str, folder: Path) -> tuple[Path, Path]:
    """Writes random weights in fp32, in the format of the download, and converts them to bf16."""
    config = SIZES[size]
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in hg.UNet(config).parameters())
    check_memory(4 * parameters, "loading")
    path = folder / ("higen.safetensors" if size == "narrow" else "higen.pth")  # a .pth file has no config
    write_one(path, tensors(lambda: hg.UNet(config), released_name)(), config.to_dict())
    (converted,) = convert(path, "bf16")
    return path, converted


def read_into_page_cache(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(2**24):
            pass


def main(path: Path) -> None:
    read_into_page_cache(path)
    before = peak()
    start = time.monotonic()
    unet = hg.load_unet(path, dtype=torch.bfloat16)
    loaded = time.monotonic() - start
    for parameter in unet.parameters():
        parameter.sum()
    size = sum(parameter.nbytes for parameter in unet.parameters())
    seconds = {"loaded": loaded, "read": time.monotonic() - start}
    print(json.dumps({"size": size, "before": before, "peak": peak(), **seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
