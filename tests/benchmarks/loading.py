"""How long a denoiser takes to load into bf16, from a file in the page cache, and the memory it takes at its peak."""

import json
import sys
import time
from pathlib import Path

import torch

import higen_core as hg
from higen_core.convert import convert
from higen_core.released import released_name

from ..comfyui.released_files import tensors, write_one
from .process import check_room, peak
from .step import SIZES


def write(size: str, folder: Path) -> tuple[Path, Path]:
    """Random weights as they are downloaded, in fp32, and their conversion to bf16."""
    config, narrow = SIZES[size], size == "narrow"
    with torch.device("meta"):
        numbers = sum(parameter.numel() for parameter in hg.UNet(config).parameters())
    check_room(4 * numbers, "loading")
    path = folder / ("higen.safetensors" if narrow else "higen.pth")  # a narrow network needs its config with it
    write_one(path, tensors(lambda: hg.UNet(config), released_name)(), config.to_dict())
    (converted,) = convert(path, "bf16")
    return path, converted


def into_page_cache(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(2**24):
            pass


def main(path: Path) -> None:
    into_page_cache(path)
    before = peak()
    start = time.monotonic()
    unet = hg.load_unet(path, dtype=torch.bfloat16)
    loaded = time.monotonic() - start
    for parameter in unet.parameters():
        parameter.sum()  # a converted file stays mapped: its numbers are read when they are first used
    size = sum(parameter.nbytes for parameter in unet.parameters())
    seconds = {"loaded": loaded, "read": time.monotonic() - start}
    print(json.dumps({"size": size, "before": before, "peak": peak(), **seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
