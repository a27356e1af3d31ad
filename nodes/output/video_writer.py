"""Writes video files with PyAV and Pillow, one function a format.

A file is written under a temporary name in its folder and renamed when it is complete, so neither a crash nor a cancel
leaves an incomplete file under the final name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image
from PIL.PngImagePlugin import PngInfo

EXIF_MODEL, EXIF_MAKE = 0x0110, 0x010F
"""Fields in which ComfyUI's graph editor looks for the prompt and the workflow of a WebP file."""
OPUS_RATE = 48_000
"""Sample rate in Hz that the Opus encoder requires."""


@dataclass(frozen=True)
class Clip:
    """The content of a video file.

    Attributes:
        frames: `frames()` yields the images, uint8 (h, w, 3).
        fps: frames per second.
        metadata: JSON values by key: "prompt" and "workflow".
        waveform: float32 (1 or 2 channels, samples); None for a silent video.
        sample_rate: samples per second of the waveform, in Hz.
    """

    frames: Callable[[], Iterator[np.ndarray]]
    fps: Fraction
    metadata: dict[str, Any]
    waveform: np.ndarray | None = None
    sample_rate: int = 0


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        suffix: of the file name, with the dot.
        mime: media type.
        has_audio: whether a file can contain audio.
        write: `write(clip, path)` writes the file.
    """

    suffix: str
    mime: str
    has_audio: bool
    write: Callable[[Clip, Path], None]


def to_uint8(image: torch.Tensor) -> np.ndarray:
    """Converts an image (h, w, 3) in [0, 1] to uint8, rounded to the nearest level."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def pad_even(image: np.ndarray) -> np.ndarray:
    """Makes height and width of an image (h, w, 3) even, as 4:2:0 video needs, by repeating the last row or column."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder. The file is renamed to `path`, or deleted if the block raises."""
    partial = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def frame_durations(count: int, fps: Fraction, tick: Fraction) -> list[int]:
    """Durations of `count` frames in milliseconds, each a multiple of `tick` seconds.

    Rounding errors do not add up over the clip.
    """
    times = [round(i / fps / tick) for i in range(count + 1)]
    return [int((end - start) * tick * 1000) for start, end in pairwise(times)]


def write_mp4(clip: Clip, path: Path) -> None:
    """H.264 in MP4, 4:2:0 BT.709. Index and tags come first, where browsers and the graph editor look for them."""
    options = {"movflags": "use_metadata_tags+faststart"}
    _encode(clip, path, options, "libx264", {"crf": "17", "preset": "medium"}, "aac", clip.sample_rate)


def write_webm(clip: Clip, path: Path) -> None:
    """VP9 (and Opus) in WebM, 4:2:0 BT.709."""
    _encode(clip, path, {}, "libvpx-vp9", {"crf": "20", "b": "0", "row-mt": "1"}, "libopus", OPUS_RATE)


def _encode(
    clip: Clip, path: Path, container_options: dict, video: str, video_options: dict, audio: str, audio_rate: int
) -> None:
    frames = map(pad_even, clip.frames())
    first = next(frames)
    with av.open(str(path), "w", options=container_options) as container:
        container.metadata.update({key: json.dumps(value) for key, value in clip.metadata.items()})
        stream = container.add_stream(video, rate=clip.fps, options=video_options)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.color_primaries = stream.codec_context.color_trc = 1  # BT.709
        stream.codec_context.color_range = ColorRange.MPEG
        audio_stream = None
        if clip.waveform is not None:
            audio_stream = container.add_stream(audio, rate=audio_rate, layout=_layout(clip.waveform))
        for image in chain([first], frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(
                stream.encode(
                    frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
                )
            )
        container.mux(stream.encode(None))
        if audio_stream is not None:
            _mux_audio(container, audio_stream, clip)


def _layout(waveform: np.ndarray) -> str:
    return {1: "mono", 2: "stereo"}[waveform.shape[0]]


def _mux_audio(container: Any, stream: Any, clip: Clip) -> None:
    layout = _layout(clip.waveform)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(clip.waveform, np.float32), format="fltp", layout=layout)
    frame.sample_rate, frame.pts = clip.sample_rate, 0
    resampler = av.AudioResampler(stream.format, layout, stream.rate, frame_size=stream.frame_size or None)
    for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(resampled))
    container.mux(stream.encode(None))


def write_gif(clip: Clip, path: Path) -> None:
    """GIF with 256 colors a frame. The metadata is its comment, which the graph editor does not read."""
    images = [Image.fromarray(frame).quantize(256, dither=Image.Dither.FLOYDSTEINBERG) for frame in clip.frames()]
    comment = {"comment": json.dumps(clip.metadata)} if clip.metadata else {}
    _save_animation(images, path, frame_durations(len(images), clip.fps, Fraction(1, 100)), **comment)


def write_webp(clip: Clip, path: Path) -> None:
    """Animated WebP, with prompt and workflow in the same EXIF fields as in ComfyUI's own WebP files."""
    images = [Image.fromarray(frame) for frame in clip.frames()]
    exif = Image.Exif()
    for key, value in clip.metadata.items():
        tag = EXIF_MODEL if key == "prompt" else EXIF_MAKE - sum(used <= EXIF_MAKE for used in exif)
        exif[tag] = f"{key}:{json.dumps(value)}"
    durations = frame_durations(len(images), clip.fps, Fraction(1, 1000))
    _save_animation(images, path, durations, quality=90, method=4, exif=exif)


def _save_animation(images: list[Image.Image], path: Path, durations: list[int], **options: Any) -> None:
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0, **options)


def write_png(image: np.ndarray, path: Path, metadata: dict[str, Any]) -> None:
    """One image, with the metadata in text chunks."""
    info = PngInfo()
    for key, value in metadata.items():
        info.add_text(key, json.dumps(value))
    Image.fromarray(image).save(path, pnginfo=info, compress_level=4)


FORMATS = {
    "h264-mp4": Format(".mp4", "video/mp4", True, write_mp4),
    "vp9-webm": Format(".webm", "video/webm", True, write_webm),
    "gif": Format(".gif", "image/gif", False, write_gif),
    "webp": Format(".webp", "image/webp", False, write_webp),
}
PNG_FRAMES = "png frames"
