"""Footage: pictures with their times, from a tensor, a sequence of pictures, or a video file read as it is decoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

import torch
from torch import Tensor

Source: TypeAlias = "Tensor | Iterable[Any] | str | os.PathLike[str] | IO[bytes]"
Timed: TypeAlias = tuple[float, Tensor]
"""Seconds since the footage began, and the picture (h, w, 3) in [0, 1] that is shown from then on."""


@dataclass(frozen=True)
class Footage:
    """Pictures of one size. `rate` is in frames per second, `seconds` the length (none: not known before the end).

    `read(start)` gives the pictures in order, from the one shown at `start` seconds or from an earlier one; each is
    forgotten as soon as the next one is asked for.
    """

    name: str
    rate: float
    seconds: float | None
    read: Callable[[float], Iterator[Timed]]


def open_footage(source: Source, fps: float) -> Footage:
    """`fps` is the rate of pictures that bring none of their own; a file knows its times.

    Raises:
        ValueError: no pictures, a file that is no video, or, while reading, a picture that `as_picture` refuses, has
            NaN or infinite values or another size than the first; the message names it.
        FileNotFoundError: no such file.
    """
    if isinstance(source, str | os.PathLike) or hasattr(source, "read"):
        return _file(source)
    if not 0 < fps < float("inf"):
        raise ValueError(f"fps of the frames must be a positive number, got {fps}")
    if not isinstance(source, Iterable):
        raise ValueError(f"frames must be a tensor, pictures or the path of a video, got {type(source).__name__}")
    shape = getattr(source, "shape", None)
    if shape is not None and (len(shape) != 4 or 0 in shape):
        raise ValueError(f"frames must be (frames, height, width, channels), got {tuple(shape)}")

    def read(start: float) -> Iterator[Timed]:
        return _checked("frames", ((i / fps, frame) for i, frame in enumerate(source)))

    return Footage("frames", fps, len(source) / fps if isinstance(source, Sized) else None, read)


def as_picture(frame: Any, name: str = "picture") -> Tensor:
    """A picture (h, w, 1, 3 or 4) as (h, w, 3) float32 in [0, 1].

    uint8 counts 255 as 1, grey is repeated, and what alpha makes transparent is black. Floats may overshoot 0..1 a
    little, as after a sharp resize; they are cut.
    """
    picture = torch.as_tensor(frame)
    if picture.ndim != 3 or picture.shape[-1] not in (1, 3, 4) or 0 in picture.shape:
        raise ValueError(f"{name} must be (height, width, 1, 3 or 4 channels), got {tuple(picture.shape)}")
    picture = picture.float().div_(255) if picture.dtype == torch.uint8 else _in_range(picture.float(), name)
    if picture.shape[-1] == 4:
        return picture[..., :3] * picture[..., 3:]
    return picture.expand(*picture.shape[:2], 3)


def _in_range(picture: Tensor, name: str) -> Tensor:
    low, high = picture.aminmax()
    if not (torch.isfinite(low) and torch.isfinite(high)):  # one NaN makes both NaN
        raise ValueError(f"{name} has NaN or infinite pixels")
    if low < -0.5 or high > 1.5:
        raise ValueError(f"{name} must have values in 0..1, got {low:g}..{high:g}")
    return picture.clamp(0, 1)


def _checked(name: str, frames: Iterable[tuple[float, Any]]) -> Iterator[Timed]:
    """The pictures as `as_picture` gives them, all of the first one's size."""
    size = None
    for i, (seconds, frame) in enumerate(frames):
        picture = as_picture(frame, f"{name}: frame {i}")
        size = size or picture.shape
        if picture.shape != size:
            told = [f"{shape[1]}x{shape[0]}" for shape in (picture.shape, size)]
            raise ValueError(f"{name}: frame {i} is {told[0]} pixels, the frames before are {told[1]}")
        yield seconds, picture
    if size is None:
        raise ValueError(f"{name}: there is no picture in it")


def _file(source: Any) -> Footage:
    name = str(source) if isinstance(source, str | os.PathLike) else "the video"
    with _opened(source, name) as (container, stream):
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        if rate <= 0:
            raise ValueError(f"{name} does not say its frame rate")
        seconds = _seconds(container, stream, rate)

    def read(start: float) -> Iterator[Timed]:
        return _checked(name, _decoded(source, name, rate, start))

    return Footage(name, rate, seconds, read)


@contextmanager
def _opened(source: Any, name: str) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream; FFmpeg's complaints become a ValueError that names the file."""
    import av
    from av.error import FFmpegError

    if isinstance(source, str | os.PathLike):
        if not os.path.isfile(source):
            raise FileNotFoundError(f"{name} does not exist")
    else:
        source.seek(0)
    try:
        with av.open(source if hasattr(source, "read") else os.fspath(source)) as container:
            if not container.streams.video:
                raise ValueError(f"{name} has no picture track")
            yield container, container.streams.video[0]
    except FFmpegError as error:
        raise ValueError(f"{name} cannot be read as a video, or is damaged: {error.strerror}") from error


def _seconds(container: Any, stream: Any, rate: float) -> float | None:
    """The length that the file claims, in seconds."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / 1_000_000
    return stream.frames / rate if stream.frames else None


def _decoded(source: Any, name: str, rate: float, start: float) -> Iterator[tuple[float, Any]]:
    """(seconds, uint8 picture), from the last key frame before `start`."""
    with _opened(source, name) as (container, stream):
        stream.thread_type = "AUTO"
        origin = float((stream.start_time or 0) * stream.time_base)
        if start > 0:
            container.seek(round((start + origin) / stream.time_base), stream=stream)
        for i, frame in enumerate(container.decode(stream)):
            seconds = i / rate if frame.time is None else frame.time - origin
            yield seconds, frame.to_ndarray(format="rgb24")
