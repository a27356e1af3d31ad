"""Videos as clips of one format: decoded, captioned, with their masks."""

from __future__ import annotations

import io
import math
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...cues.shown import shown_at
from ...media.image import as_image, fit_images
from ...media.video_reader import open_video
from .files import is_remote, opened, read
from .video_index import Part, Video

UNREADABLE = (ValueError, OSError)
"""What a damaged, missing or unsuitable file raises."""


@dataclass(frozen=True)
class Format:
    """Of a clip: frames, frames per second, and size in pixels."""

    frames: int
    fps: float
    width: int
    height: int

    def bucket(self, text: str) -> Format:
        """The format that WIDTHxHEIGHTxFRAMES names, at the same rate."""
        try:
            width, height, frames = (int(number) for number in text.split("x"))
        except ValueError:
            raise ValueError(f"buckets must be WIDTHxHEIGHTxFRAMES, such as 96x48x16, got {text!r}") from None
        if min(width, height) < 1 or frames < 2:
            raise ValueError(f"buckets must be of 2 frames and 1 pixel at least, got {text!r}")
        return Format(frames, self.fps, width, height)


@dataclass(frozen=True)
class Windows:
    """n clips of a video, one after the other: frames (n, f, h, w, 3) and mask (n, f, h, w) in [0, 1]."""

    frames: Tensor
    caption: str
    mask: Tensor | None = None


def read_windows(video: Video, formats: tuple[Format, ...], windows: int, caption_with: str = "") -> Windows:
    """The first clips of a video, at most `windows`, in the format with the nearest aspect ratio and, of those of equal
    size, with as many frames as the video has.

    Frames are those on the screen at 0, 1/fps, 2/fps ... seconds, resized with antialiasing and cropped to the center.

    Raises:
        ValueError: the video, its mask or its caption cannot be used.
    """
    images = list(islice(_images(video.source, formats), windows * max(format.frames for format in formats)))
    if not images:
        raise ValueError("too short: it has no frame")
    height, width = images[0].shape[:2]
    lengths = sorted({f.frames for f in formats if (f.height, f.width) == (height, width)}, reverse=True)
    frames = next((length for length in lengths if length <= len(images)), None)
    if frames is None:
        raise ValueError(f"too short: it has {len(images)} of {lengths[-1]} frames at {formats[0].fps:g} per second")
    count = min(windows, len(images) // frames)
    clips = torch.stack(images[: count * frames]).unflatten(0, (count, frames))
    mask = None if video.mask is None else _mask(video.mask, formats[0].fps, clips)
    return Windows(clips, video.caption or _caption(video, caption_with), mask)


def _images(source: Any, formats: tuple[Format, ...]) -> Iterator[Tensor]:
    """The frames of a video (h, w, 3) at their times, in the size of the formats that is nearest to its shape."""
    fps = formats[0].fps
    reader = open_video(opened(source) if isinstance(source, str) and is_remote(source) else source, fps)
    hold = min(1 / fps, 1 / reader.rate)
    times = (i / fps for i in range(2**31))
    size: tuple[int, int] | None = None
    for shown in shown_at(reader.read(0.0), times, hold, blend=reader.rate < fps, tolerance=reader.tolerance):
        image = shown.image()
        size = size or _nearest(image.shape[1] / image.shape[0], formats)
        yield fit_images(image[None], *size)[0]


def _nearest(aspect: float, formats: tuple[Format, ...]) -> tuple[int, int]:
    """Height and width of the format with the aspect ratio (width / height) that is nearest."""
    best = min(formats, key=lambda format: abs(math.log(format.width / format.height / aspect)))
    return best.height, best.width


def _mask(source: Any, fps: float, clips: Tensor) -> Tensor:
    """The mask of clips (n, f, h, w, 3), from an image or a video, as (n, f, h, w)."""
    n, f, h, w, _ = clips.shape
    format = Format(f, fps, w, h)
    if (image := _still(source)) is not None:
        mask = fit_images(as_image(image, "the mask")[None], h, w).mean(-1).expand(n * f, h, w)
    else:
        images = list(islice(_images(source, (format,)), n * f))
        if len(images) < n * f:
            raise ValueError(f"the mask is too short: it has {len(images)} of {n * f} frames at {fps:g} per second")
        mask = torch.stack(images).mean(-1)
    if mask.max() < 0.5:
        raise ValueError("the mask is empty: there is nothing in this clip that the loss would count at")
    return mask.unflatten(0, (n, f))


def _still(source: Any) -> np.ndarray | None:
    """The pixels of a PNG (h, w, 3), uint8; None for a video."""
    if isinstance(source, str):
        content = read(source) if source.lower().endswith(".png") else b""
    else:
        content = _content(source)
    if not content.startswith(b"\x89PNG"):
        return None
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _caption(video: Video, command: str) -> str:
    """What the command prints about the file of a video, without a shell."""
    with tempfile.TemporaryDirectory() as folder:
        file = video.source
        if not isinstance(file, str) or is_remote(file):
            content = read(file) if isinstance(file, str) else _content(file)
            file = str(Path(folder) / f"video.{video.name.rpartition('.')[2]}")
            Path(file).write_bytes(content)
        words = [word.replace("{file}", file) for word in shlex.split(command)]
        result = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)  # noqa: S603
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["it printed no reason"])[-1]
        raise ValueError(f"the caption command ended with {result.returncode}: {reason}")
    if not result.stdout.strip():
        raise ValueError("the caption command printed nothing")
    return " ".join(result.stdout.split())


def decoded(
    part: Part, formats: tuple[Format, ...], windows: int, caption_with: str, workers: int
) -> Iterator[tuple[str, Windows | str]]:
    """(name, clips) of each video of a part, or (name, reason) of one that is skipped, always in the same order.

    Videos are decoded ahead in `workers` threads, since FFmpeg needs no lock; as many wait to be read.
    """
    found: list[tuple[str, Future | str]] = []

    def report(name: str, reason: str) -> None:
        found.append((name, reason))

    with ThreadPoolExecutor(workers) as pool:
        videos = part.read(report)
        more = True
        while more or found:
            while more and sum(isinstance(entry, Future) for _, entry in found) <= workers:
                if (video := next(videos, None)) is None:
                    more = False
                else:
                    found.append((video.name, pool.submit(read_windows, video, formats, windows, caption_with)))
            if found:
                name, entry = found.pop(0)
                yield name, entry if isinstance(entry, str) else _result(entry)


def _result(future: Future) -> Windows | str:
    try:
        return future.result()
    except UNREADABLE as error:
        return str(error)


def first_images(parts: list[Part], format: Format, count: int) -> Tensor:
    """The first frames of as many videos (n, h, w, 3); videos that cannot be used are passed over.

    Raises:
        ValueError: none of the videos can be used; the message has the reason of the first one.
    """
    skipped: list[tuple[str, str]] = []

    def readable() -> Iterator[Tensor]:
        for part in parts:
            for video in part.read(lambda name, reason: skipped.append((name, reason))):
                try:
                    yield from islice(_images(video.source, (format,)), 1)
                except UNREADABLE as error:
                    skipped.append((video.name, str(error)))

    images = list(islice(readable(), count))
    if not images:
        raise ValueError(none_usable(skipped))
    return torch.stack(images)


def none_usable(skipped: list[tuple[str, str]]) -> str:
    """The error of a data set without a usable video, with (name, reason) of the first that was skipped."""
    reason = "; the first one, {}: {}".format(*skipped[0]) if skipped else ""
    return f"none of the videos can be used{reason}"
