"""Measures the cues of frames: how much pixels change, and how similar two frames look."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.info import ModelInfo
from .curves import MOTION_MAX
from .masks import resize_mask

MOTION_SCALE = ModelInfo.motion_scale
"""Motion cue per mean absolute change of a pixel in [0, 1], for weights that state no other."""
EMPTY = 1e-6
"""Mean of a mask that counts as empty."""


def measure_motion(frames: Tensor, scale: float = MOTION_SCALE, mask: Tensor | None = None) -> Tensor:
    """Motion cues (..., f - 1) of frames (..., f, h, w, 3) in [0, 1]: mean absolute change, scaled and clamped.

    With a mask as `Cues.mask`, the mean is over the pixels in it, weighted by the mask of both frames. A step whose
    mask is empty has no motion. No more than two frames of each clip are copied at a time.
    """
    *clips, count, height, width, _ = frames.shape
    masks = [None] * count if mask is None else resize_mask(mask, count, height, width).to(frames)
    steps = zip(pairwise(frames.unbind(dim=-4)), pairwise(masks), strict=True)
    changes = [_mean_change(*images, *weights) for images, weights in steps]
    return motion_cue(torch.stack(changes, dim=-1) if changes else frames.new_zeros(*clips, 0), scale)


def _mean_change(before: Tensor, after: Tensor, mask_before: Tensor | None, mask_after: Tensor | None) -> Tensor:
    """Mean absolute change from images (..., h, w, 3) to others, weighted by the masks (h, w) of both -> (...)."""
    change = (after - before).abs_()
    if mask_before is None or mask_after is None:
        return change.mean(dim=(-3, -2, -1))
    weight = (mask_before + mask_after) / 2
    return change.mul_(weight[..., None]).mean(dim=(-3, -2, -1)) / weight.mean().clamp(min=EMPTY)


def motion_cue(change: Tensor, scale: float = MOTION_SCALE) -> Tensor:
    """Motion cues 0..1000, int64, for mean absolute changes of a pixel in [0, 1]; any shape."""
    return (scale * change).round().clamp(0, MOTION_MAX).long()


def similarity(embeddings: Tensor, floor: float) -> Tensor:
    """Cosine similarity of image embeddings (..., f, d) rescaled from [floor, 1] to [0, 1] -> (..., f, f)."""
    unit = F.normalize(embeddings.float(), dim=-1)
    return ((unit @ unit.mT - floor) / (1 - floor)).clamp(0, 1)
