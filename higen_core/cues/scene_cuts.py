"""Scene cuts: detected while frames are streamed, and interpolated in the motion cue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..media.video_reader import TimedFrame

THUMBNAIL = 16
"""Width and height of the frames on which cuts are detected: too coarse for most motion to matter."""
CUT_CHANGE, CUT_RATIO = 0.06, 3.0
"""A cut changes a thumbnail by at least this fraction of full scale, and by this multiple of the steps beside it."""


class SceneCutDetector:
    """Detects single steps between frames that change much more than the steps before and after.

    Dissolves, flashes and fast motion are therefore not cuts. One number per frame is stored, and no frame.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.changes: list[float] = []  # mean change of the thumbnail from the frame before; 0 for the first frame

    def observe(self, frames: Iterable[TimedFrame]) -> Iterator[TimedFrame]:
        """Passes the frames on unchanged."""
        previous = None
        for seconds, frame in frames:
            thumbnail = F.adaptive_avg_pool2d(rearrange(frame, "h w c -> c h w"), THUMBNAIL)
            self.times.append(seconds)
            self.changes.append(0.0 if previous is None else float((thumbnail - previous).abs().mean()))
            previous = thumbnail
            yield seconds, frame

    def cut_times(self) -> list[float]:
        """Seconds at which the first frame after each cut appears. A video of two frames has no cut."""
        times = []
        for i in range(1, len(self.changes)):
            neighbors = self.changes[max(i - 1, 1) : i] + self.changes[i + 1 : i + 2]
            if neighbors and self.changes[i] >= max(CUT_CHANGE, CUT_RATIO * max(neighbors)):
                times.append(self.times[i])
        return times


def interpolate_steps(changes: Tensor, steps: Sequence[int]) -> Tensor:
    """Values (n,) float64 with those at the indices `steps` interpolated linearly from the others.

    Values before the first and after the last of the others repeat it; if there are no others, all are 0.
    """
    import numpy as np

    excluded = frozenset(steps)
    others = [i for i in range(len(changes)) if i not in excluded]
    if not others:
        return torch.zeros_like(changes)
    return torch.from_numpy(np.interp(np.arange(len(changes)), others, changes[others].numpy()))
