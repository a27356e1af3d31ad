"""Video files with flipped and cut bytes, in several containers, measured by HiGen Cue Extractor."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from comfy_api.latest import InputImpl
from hypothesis import strategies as st

from .nodes import executable, is_finite, used, valid_inputs
from .verdict import Case
from .weights import changes, mutated

CONTAINERS = {
    "mp4": "libx264",
    "mkv": "libx264",
    "webm": "libvpx-vp9",
    "avi": "mpeg4",
    "ts": "libx264",
    "flv": "libx264",
    "gif": "gif",
    "h264": "libx264",
}
"""Encoders by the suffix of a file."""


@cache
def video(suffix: str, folder: Path) -> bytes:
    """A valid file of 12 frames."""
    path = folder / f"valid.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CONTAINERS[suffix], rate=Fraction(8))
        stream.width = stream.height = 32
        stream.pix_fmt = "rgb8" if suffix == "gif" else "yuv420p"
        for i in range(12):
            image = np.roll(np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3), 2 * i, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))
    return path.read_bytes()


@st.composite
def cases(draw: st.DrawFn, folder: Path) -> Case:
    """A mutated video file on the input `video`, which ComfyUI's own Load Video opens by its path."""
    from higen_pack.nodes.cue_extractor import HiGenCueExtractor

    suffix = draw(st.sampled_from(sorted(CONTAINERS)))
    start_only = draw(st.sampled_from((0, 0, 64, 600)))
    path = folder / f"hostile.{suffix}"
    path.write_bytes(mutated(video(suffix, folder), draw(changes), within=start_only))
    inputs = {name: value for name, value in valid_inputs()[HiGenCueExtractor].items() if name != "images"}
    inputs |= {
        "span": draw(st.sampled_from(("from start, at the model's rate", "whole footage, fitted to the length")))
    }
    inputs |= {"start": draw(st.sampled_from((0.0, 0.5, 1.4)))}

    def act() -> list:
        return used(executable(HiGenCueExtractor)(video=InputImpl.VideoFromFile(str(path)), **inputs))

    text = f"{path.name}, {inputs['span'][:5]}, start {inputs['start']}"
    return Case(text, (path.name, "video"), act, is_finite)
