"""Reads the videos that the pack has saved."""

import json
from pathlib import Path

import av
import numpy as np


def frames_of(path: Path) -> np.ndarray:
    """All frames of a video file, uint8 (f, h, w, 3)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def graph_in(path: Path) -> dict:
    """The container's `prompt` and `workflow` tags, parsed."""
    with av.open(str(path)) as container:
        return {key: json.loads(container.metadata[key]) for key in ("prompt", "workflow")}


def motion(frames: np.ndarray) -> float:
    """Mean absolute change of a pixel from frame to frame, 0..255."""
    return float(np.abs(np.diff(frames.astype(np.float32), axis=0)).mean())
