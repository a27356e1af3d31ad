"""Writes images and animations with Pillow: png, gif, webp. One frame is in memory at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .clip import Clip, as_json, on_black

EXIF_MODEL, EXIF_MAKE = 0x0110, 0x010F
"""Fields in which ComfyUI's graph editor looks for the prompt and the workflow of a WebP file."""
WEBP_ALPHA = 0x10
"""Flag of the chunk VP8X: there is transparency."""
GIF_TICK = Fraction(1, 100)
"""Seconds; delays in a GIF are multiples of it."""
SHORTEST_DELAY = 2
"""In ticks. Browsers play shorter delays as 10 ticks."""
PALETTE_PIXELS = 1_000_000
"""Pixels of a clip, at most, that its palette is made from."""


class Frames:
    """The rest of an animation, as Pillow takes it: one image of several frames that are made when it seeks them."""

    def __init__(self, images: Iterable[Image.Image], count: int):
        self.n_frames = count
        self._images = enumerate(images)
        self._position = -1
        self._current: Image.Image | None = None

    def seek(self, position: int) -> None:
        if position >= self.n_frames:
            raise EOFError
        while self._position < position:
            self._position, self._current = next(self._images)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current, name)


def frame_times(count: int, fps: Fraction, tick: Fraction, shortest: int = 1) -> tuple[list[int], list[int]]:
    """Frames of a clip to show, and how many ticks of `tick` seconds each.

    Frames are left out where they would be shown for less than `shortest` ticks. Rounding errors do not add up, and
    the animation is as long as the clip.
    """
    starts = [round(i / fps / tick) for i in range(count)]
    end = max(round(count / fps / tick), shortest)
    kept = [0]
    for i in range(1, count):
        if starts[i] - starts[kept[-1]] >= shortest and end - starts[i] >= shortest:
            kept.append(i)
    return kept, [after - before for before, after in pairwise([*(starts[i] for i in kept), end])]


def write_gif(clip: Clip, path: Path) -> None:
    """GIF with one palette of 256 colors for all frames, so that nothing flickers; transparent parts become black.

    The metadata is its comment, which the graph editor does not read.
    """
    kept, ticks = frame_times(clip.count, clip.fps, GIF_TICK, SHORTEST_DELAY)
    palette = _palette(clip)
    images = (
        Image.fromarray(on_black(frame)).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        for frame in _selected(clip.frames(), kept)
    )
    options: dict[str, Any] = {"comment": as_json(clip.metadata)} if clip.metadata else {}
    if clip.plays != 1:  # without this field a GIF plays once; it counts the repetitions
        options["loop"] = max(clip.plays - 1, 0)
    _save_animation(images, path, [tick * 10 for tick in ticks], **options)


def _palette(clip: Clip) -> Image.Image:
    """An image with the palette that suits the pixels of all frames best."""
    sampled = []
    for frame in clip.frames():
        step = math.ceil(math.sqrt(clip.count * frame.shape[0] * frame.shape[1] / PALETTE_PIXELS))
        sampled.append(on_black(frame)[::step, ::step].reshape(-1, 1, 3))
    return Image.fromarray(np.concatenate(sampled)).quantize(256)


def write_webp(clip: Clip, path: Path) -> None:
    """Animated WebP, with prompt and workflow in the same EXIF fields as in ComfyUI's own WebP files."""
    exif = Image.Exif()
    for key, value in clip.metadata.items():
        tag = EXIF_MODEL if key == "prompt" else EXIF_MAKE - sum(used <= EXIF_MAKE for used in exif)
        exif[tag] = f"{key}:{as_json(value)}"
    kept, milliseconds = frame_times(clip.count, clip.fps, Fraction(1, 1000))
    images = map(Image.fromarray, _selected(clip.frames(), kept))
    quality = {"quality": clip.quality.webp, "method": 4}
    has_alpha = _save_animation(images, path, milliseconds, loop=clip.plays, exif=exif, **quality) == "RGBA"
    if has_alpha:
        _mark_alpha(path)


def _mark_alpha(path: Path) -> None:
    """Sets the flag for alpha of a WebP file: libwebp leaves it out where it cuts frames to an opaque rectangle."""
    with path.open("r+b") as file:
        header = file.read(21)
        if header[12:16] == b"VP8X":
            file.seek(20)
            file.write(bytes([header[20] | WEBP_ALPHA]))


def _selected(frames: Iterator[np.ndarray], kept: list[int]) -> Iterator[np.ndarray]:
    indices = set(kept)
    return (frame for i, frame in enumerate(frames) if i in indices)


def _save_animation(images: Iterator[Image.Image], path: Path, durations: list[int], **options: Any) -> str:
    """Writes the images, and returns the mode of the first."""
    first = next(images)
    rest = [Frames(images, len(durations) - 1)] if len(durations) > 1 else []
    first.save(path, save_all=True, append_images=rest, duration=durations, **options)
    return first.mode


def write_png(image: np.ndarray, path: Path, metadata: dict[str, Any]) -> None:
    """One image, with the metadata in text chunks."""
    info = PngInfo()
    for key, value in metadata.items():
        info.add_text(key, as_json(value))
    Image.fromarray(image).save(path, pnginfo=info, compress_level=4)
