"""Videos as frames with their times, read one by one: from a tensor, a sequence of images, or a file."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

from torch import Tensor

from .image import as_image

VideoSource: TypeAlias = "Tensor | Iterable[Any] | str | os.PathLike[str] | IO[bytes]"
TimedFrame: TypeAlias = tuple[float, Tensor]
"""Seconds from the start of the video at which a frame appears, and the frame (h, w, 3) in [0, 1]."""
TIME_TOLERANCE = 4e-4
"""Seconds by which a frame may be late: some containers round times to milliseconds."""


@dataclass(frozen=True)
class VideoReader:
    """A video whose frames have one size.

    Attributes:
        name: what error messages call the video.
        rate: frames per second.
        duration: seconds, as the source states it; None if it is only known after the last frame.
        read: `read(start)` yields the frames in order, from the one on screen at `start` seconds or from an earlier
            one. No frame is kept. It raises the errors of `open_video` that concern a frame.
    """

    name: str
    rate: float
    duration: float | None
    read: Callable[[float], Iterator[TimedFrame]]


def open_video(source: VideoSource, fps: float) -> VideoReader:
    """Opens a video without decoding its frames.

    Args:
        source: frames (f, h, w, c), an iterable of images as `as_image` takes them, or a video file: its path or an
            open binary file.
        fps: frames per second of a source that is not a file; a file has its own times.

    Raises:
        ValueError: no frames, a file that is not a video, or, while reading, a frame that `as_image` refuses or that
            differs in size from the first; the message names the frame.
        FileNotFoundError: no such file.
    """
    if isinstance(source, str | os.PathLike) or hasattr(source, "read"):
        return _open_file(source)
    if not 0 < fps < float("inf"):
        raise ValueError(f"fps of the frames must be a positive number, got {fps}")
    if not isinstance(source, Iterable):
        raise ValueError(f"frames must be a tensor, images or the path of a video, got {type(source).__name__}")
    shape = getattr(source, "shape", None)
    if shape is not None and (len(shape) != 4 or 0 in shape):
        raise ValueError(f"frames must be (frames, height, width, channels), got {tuple(shape)}")

    def read(start: float) -> Iterator[TimedFrame]:
        return _as_images("frames", ((i / fps, frame) for i, frame in enumerate(source)))

    return VideoReader("frames", fps, len(source) / fps if isinstance(source, Sized) else None, read)


def trimmed(video: VideoReader, start: float, duration: float) -> VideoReader:
    """The frames of a video that appear within `duration` seconds from `start` on, as a video of its own.

    As in ComfyUI's trimmed videos, the frame on screen at `start` counts only if it appears then, and a duration of 0
    is up to the end.
    """
    end = start + (duration or math.inf)
    rest = None if video.duration is None else max(0.0, min(end, video.duration) - start)

    def read(skip: float) -> Iterator[TimedFrame]:
        for seconds, frame in video.read(start + skip):
            if seconds > end - TIME_TOLERANCE:
                return
            if seconds > start - TIME_TOLERANCE:
                yield seconds - start, frame

    return VideoReader(video.name, video.rate, rest, read)


def _as_images(name: str, frames: Iterable[tuple[float, Any]]) -> Iterator[TimedFrame]:
    """The frames through `as_image`; all must have the size of the first, and there must be one."""
    shape = None
    for i, (seconds, frame) in enumerate(frames):
        image = as_image(frame, f"{name}: frame {i}")
        shape = shape or image.shape
        if image.shape != shape:
            size, first_size = (f"{w}x{h}" for h, w, _ in (image.shape, shape))
            raise ValueError(f"{name}: frame {i} is {size} pixels, the frames before are {first_size}")
        yield seconds, image
    if shape is None:
        raise ValueError(f"{name}: the video has no frames")


def _open_file(source: Any) -> VideoReader:
    name = str(source) if isinstance(source, str | os.PathLike) else "the video"
    with _opened(source, name) as (container, stream):
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        if rate <= 0:
            raise ValueError(f"{name} does not state its frame rate")
        duration = _stated_duration(container, stream, rate)

    def read(start: float) -> Iterator[TimedFrame]:
        return _as_images(name, _decoded(source, name, rate, start))

    return VideoReader(name, rate, duration, read)


@contextmanager
def _opened(source: Any, name: str) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream; errors of FFmpeg become a ValueError that names the file."""
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
                raise ValueError(f"{name} has no video track")
            yield container, container.streams.video[0]
    except FFmpegError as error:
        raise ValueError(f"{name} cannot be read as a video, or is damaged: {error.strerror}") from error


def _stated_duration(container: Any, stream: Any, rate: float) -> float | None:
    """Seconds, from the stream, the container or the number of frames."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / 1_000_000
    return stream.frames / rate if stream.frames else None


def _decoded(source: Any, name: str, rate: float, start: float) -> Iterator[tuple[float, Any]]:
    """(seconds, frame in uint8 RGB), from the last key frame before `start`."""
    with _opened(source, name) as (container, stream):
        stream.thread_type = "AUTO"
        origin = float((stream.start_time or 0) * stream.time_base)
        if start > 0:
            container.seek(round((start + origin) / stream.time_base), stream=stream)
        for i, frame in enumerate(container.decode(stream)):
            seconds = i / rate if frame.time is None else frame.time - origin
            yield seconds, frame.to_ndarray(format="rgb24")
