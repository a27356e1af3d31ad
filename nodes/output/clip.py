"""The content of a video file, before it is encoded."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from .sound import Sound


@dataclass(frozen=True)
class Quality:
    """What a level of quality means to the encoders.

    Attributes:
        h264: constant rate factor, 0 to 51, lower is better.
        vp9: constant rate factor, 0 to 63, lower is better.
        webp: 0 to 100, higher is better.
    """

    h264: int
    vp9: int
    webp: int


QUALITIES = {
    "best": Quality(10, 8, 98),
    "high": Quality(17, 20, 90),
    "medium": Quality(23, 31, 75),
    "low": Quality(30, 42, 50),
}


@dataclass(frozen=True)
class Clip:
    """The content of a video file.

    Attributes:
        frames: `frames()` yields the images, uint8 (h, w, 3), or (h, w, 4) with straight alpha.
        count: number of frames.
        fps: frames per second.
        metadata: JSON values by key: "prompt" and "workflow".
        sound: None for a silent video.
        quality: of formats that lose quality.
        plays: how often an animation plays; 0 is for ever.
    """

    frames: Callable[[], Iterator[np.ndarray]]
    count: int
    fps: Fraction
    metadata: dict[str, Any]
    sound: Sound | None = None
    quality: Quality = QUALITIES["high"]
    plays: int = 0


def to_uint8(image: torch.Tensor) -> np.ndarray:
    """Converts an image (h, w, c) in [0, 1] to uint8, rounded to the nearest level."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def on_black(image: np.ndarray) -> np.ndarray:
    """An image uint8 (h, w, 3 or 4) as RGB, transparent parts black, as HiGen Cue Extractor reads it."""
    if image.shape[-1] == 3:
        return image
    alpha = image[..., 3:].astype(np.uint16)
    return ((image[..., :3] * alpha + 127) // 255).astype(np.uint8)


def pad_even(image: np.ndarray) -> np.ndarray:
    """Makes height and width of an image (h, w, c) even, as 4:2:0 video needs, by repeating the last row or column."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def as_json(value: Any) -> str:
    """Valid JSON, which has no NaN and no infinity: they become null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
