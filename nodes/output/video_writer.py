"""Writes video files with PyAV, and knows the formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from .animations import write_gif, write_webp
from .clip import Clip, as_json, on_black, pad_even
from .sound import SoundEncoder

INTERLEAVED = {"max_interleave_delta": "0"}
"""FFmpeg waits for the packets of all streams, however late they come, and orders them by time."""


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


def write_mp4(clip: Clip, path: Path) -> None:
    """H.264 in MP4, 4:2:0 BT.709. Index and tags come first, where browsers and the graph editor look for them.

    Transparent parts become black.
    """
    frames = map(on_black, clip.frames())
    options = {"movflags": "use_metadata_tags+faststart"}
    encoder = {"crf": str(clip.quality.h264), "preset": "medium"}
    _encode(clip, frames, path, options, "libx264", encoder, "aac")


def write_webm(clip: Clip, path: Path) -> None:
    """VP9 (and Opus) in WebM, 4:2:0 BT.709, with alpha if the frames have it."""
    encoder = {"crf": str(clip.quality.vp9), "b": "0", "row-mt": "1", "auto-alt-ref": "0"}
    _encode(clip, clip.frames(), path, {}, "libvpx-vp9", encoder, "libopus")


def _encode(
    clip: Clip, frames: Any, path: Path, container_options: dict, video: str, video_options: dict, audio: str
) -> None:
    frames = map(pad_even, frames)
    first = next(frames)
    with av.open(str(path), "w", options=container_options | INTERLEAVED) as container:
        container.metadata.update({key: as_json(value) for key, value in clip.metadata.items()})
        stream = container.add_stream(video, rate=clip.fps, options=video_options)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p" if first.shape[-1] == 3 else "yuva420p"
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.color_primaries = stream.codec_context.color_trc = 1  # BT.709
        stream.codec_context.color_range = ColorRange.MPEG
        sound = SoundEncoder(container, audio, clip.sound) if clip.sound else None
        for i, image in enumerate(chain([first], frames)):
            container.mux(stream.encode(_video_frame(image, stream.pix_fmt)))
            if sound:
                container.mux(sound.packets_until((i + 1) / clip.fps))
        container.mux(stream.encode(None))
        if sound:
            container.mux(sound.last_packets())


def _video_frame(image: np.ndarray, pix_fmt: str) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(image, format="rgb24" if image.shape[-1] == 3 else "rgba")
    return frame.reformat(format=pix_fmt, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)


FORMATS = {
    "h264-mp4": Format(".mp4", "video/mp4", True, write_mp4),
    "vp9-webm": Format(".webm", "video/webm", True, write_webm),
    "gif": Format(".gif", "image/gif", False, write_gif),
    "webp": Format(".webp", "image/webp", False, write_webp),
}
PNG_FRAMES = "png frames"
