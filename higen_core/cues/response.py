"""The response of weights to the motion cue, and its inverse, so that the motion asked for is the motion seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from ..models.info import ModelInfo
from .curves import MOTION_MAX

if TYPE_CHECKING:
    from .cues import Cues


def calibrate(cues: Cues, info: ModelInfo) -> Cues:
    """The cues to give a network for a video whose measured motion is that of `cues`.

    Motion goes through the inverse of `ModelInfo.motion_response`, linear between its points. Motion below its reach
    becomes the least of the table, motion above it the most. The null cue stays null, and weights that state no
    response get the cues as they are.
    """
    import numpy as np

    if not info.motion_response:
        return cues
    asked, measured = np.array(info.motion_response, dtype=np.float64).T
    motion = torch.from_numpy(np.interp(cues.motion.cpu().numpy(), measured, asked)).round()
    motion = torch.where(cues.motion >= 0, motion.to(cues.motion), cues.motion)
    return replace(cues, motion=motion, outside=None if cues.outside is None else calibrate(cues.outside, info))


def motion_reach(info: ModelInfo) -> tuple[float, float]:
    """The least and the most motion that weights can show, 0 to 1000: all of it if they state no response."""
    if not info.motion_response:
        return 0.0, float(MOTION_MAX)
    return info.motion_response[0][1], info.motion_response[-1][1]
