"""Videos as frames with their times, read one by one: from a tensor, a sequence of images, or a file."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise
from statistics import median
from typing import IO, Any, TypeAlias

from torch import Tensor

from .image import as_image
from .video_frame import as_array

VideoSource: TypeAlias = "Tensor | Iterable[Any] | str | os.PathLike[str] | IO[bytes]"
TimedFrame: TypeAlias = tuple[float, Tensor]
"""Seconds from the start of the video at which a frame appears, and the frame (h, w, 3) in [0, 1]."""
TIME_TOLERANCE = 4e-4
"""Seconds by which a frame may be late: some containers round times to milliseconds."""
GIF_TICK = 0.01
"""Seconds to which a GIF rounds its times, up or down."""
RATE_FRAMES = 100
"""Frames from which the frame rate is measured where a file does not state it."""
INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi")
"""FFmpeg's names of the containers with an index, where seeking finds a key frame at or before the time."""


@dataclass(frozen=True)
class VideoReader:
    """A video whose frames have one size.

    Attributes:
        name: what error messages call the video.
        rate: frames per second.
        duration: seconds, as the source states it; None if it is only known after the last frame.
        read: `read(start)` yields the frames in order, from the one on screen at `start` seconds or from an earlier
            one. No frame is kept. It raises the errors of `open_video` that concern a frame.
        length: seconds up to the end of the last image, where the stated duration may include longer sound; None if
            it is only known after the last frame. It may read the whole file, without decoding it.
        tolerance: seconds by which a frame may be late, since the file rounds its times.
    """

    name: str
    rate: float
    duration: float | None
    read: Callable[[float], Iterator[TimedFrame]]
    length: Callable[[], float | None]
    tolerance: float = TIME_TOLERANCE


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
        raise ValueError(
            f"images must be a tensor, a list of images or the path of a video, got {type(source).__name__}"
        )
    shape = getattr(source, "shape", None)
    if shape is not None and (len(shape) != 4 or 0 in shape):
        raise ValueError(f"images must be (frames, height, width, channels), got {tuple(shape)}")

    def read(start: float) -> Iterator[TimedFrame]:
        return _as_images("images", ((i / fps, frame) for i, frame in enumerate(source)))

    duration = len(source) / fps if isinstance(source, Sized) else None
    return VideoReader("images", fps, duration, read, lambda: duration)


def trimmed(video: VideoReader, start: float, duration: float) -> VideoReader:
    """The frames of a video that appear within `duration` seconds from `start` on, as a video of its own.

    As in ComfyUI's trimmed videos, the frame on screen at `start` counts only if it appears then, and a duration of 0
    is up to the end.
    """
    end = start + (duration or math.inf)

    def rest(seconds: float | None) -> float | None:
        return None if seconds is None else max(0.0, min(end, seconds) - start)

    def read(skip: float) -> Iterator[TimedFrame]:
        for seconds, frame in video.read(start + skip):
            if seconds > end - video.tolerance:
                return
            if seconds > start - video.tolerance:
                yield seconds - start, frame

    length = video.length
    return replace(video, duration=rest(video.duration), read=read, length=lambda: rest(length()))


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
        rate, stated = _frame_rate(container, stream)
        if rate <= 0:
            raise ValueError(f"{name} does not state its frame rate")
        duration = _stated_duration(container, stream, rate)
        exact = duration if stream.duration and container.format.name in INDEXED else None
        rounded = container.format.name == "gif"
        tolerance = min(GIF_TICK, 1 / (4 * rate)) if rounded else TIME_TOLERANCE

    def read(start: float) -> Iterator[TimedFrame]:
        return _as_images(name, _decoded(source, name, rate, start))

    def length() -> float:
        return exact or _end_of_images(source, name, rate, stated)

    return VideoReader(name, rate, duration, read, length, tolerance)


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
        file = source if hasattr(source, "read") else os.fspath(source)
        with av.open(file, metadata_errors="replace") as container:  # titles are in any encoding
            if not container.streams.video:
                raise ValueError(f"{name} has no video track")
            yield container, container.streams.video[0]
    except FFmpegError as error:
        raise ValueError(f"{name} cannot be read as a video, or is damaged: {error.strerror}") from error


def _frame_rate(container: Any, stream: Any) -> tuple[float, bool]:
    """Frames per second, 0 if unknown, and whether the file states them.

    What browsers and cameras record live has no length, and only the rate of its clock, 1000 for WebM. Then the rate is
    that of the median interval of the first frames: a recording of a screen has gaps where nothing changes.
    """
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    if not rate or rate * stream.time_base < 1 or stream.duration or stream.frames:
        return rate, True
    packets = islice(container.demux(stream), RATE_FRAMES)
    times = sorted({packet.pts for packet in packets if packet.pts is not None})
    if len(times) < 2:
        return rate, True
    measured = float(1 / (median(later - earlier for earlier, later in pairwise(times)) * stream.time_base))
    return (measured, False) if measured < rate else (rate, True)


def _stated_duration(container: Any, stream: Any, rate: float) -> float | None:
    """Seconds, from the stream, the container or the number of frames."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / 1_000_000
    return stream.frames / rate if stream.frames else None


def _end_of_images(source: Any, name: str, rate: float, stated: bool) -> float:
    """Seconds at which the last image ends, from the packets of the file; nothing is decoded.

    Where the file does not state its frame rate, it does not state how long a packet lasts either.
    """
    with _opened(source, name) as (container, stream):
        origin, end, count = stream.start_time or 0, 0, 0
        usual = round(1 / rate / stream.time_base)
        for packet in container.demux(stream):
            if not packet.size:
                continue  # the last one, which is empty
            count += 1
            time = packet.dts if packet.pts is None else packet.pts
            if time is not None:
                end = max(end, time - origin + ((stated and packet.duration) or usual))
        return float(end * stream.time_base) or count / rate


def _decoded(source: Any, name: str, rate: float, start: float) -> Iterator[tuple[float, Any]]:
    """(seconds, frame in uint8 RGB), from the last key frame before `start`, or from the first frame.

    Where a container has no index, seeking lands anywhere, often after `start`.
    """
    if start > 0:
        with _opened(source, name) as (container, stream):
            if container.format.name in INDEXED:
                container.seek(round((start + _origin(stream)) / stream.time_base), stream=stream)
                frames = _timed(container, stream, rate)
                first = next(frames, None)
                if first and first[0] <= start + TIME_TOLERANCE:
                    yield from _as_arrays(chain([first], frames))
                    return
    with _opened(source, name) as (container, stream):
        yield from _as_arrays(_timed(container, stream, rate))


def _origin(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base)


def _timed(container: Any, stream: Any, rate: float) -> Iterator[tuple[float, Any]]:
    stream.thread_type = "AUTO"
    origin = _origin(stream)
    for i, frame in enumerate(container.decode(stream)):
        yield i / rate if frame.time is None else frame.time - origin, frame


def _as_arrays(frames: Iterable[tuple[float, Any]]) -> Iterator[tuple[float, Any]]:
    for seconds, frame in frames:
        yield seconds, as_array(frame)
