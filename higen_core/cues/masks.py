"""The mask of cues: its shape and its size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def resize_mask(mask: Tensor, frames: int, height: int, width: int) -> Tensor:
    """A mask (1 or frames, ...) as (frames, height, width): means over the cells. One of this size stays as it is."""
    if mask.shape[1:] != (height, width):
        mask = F.interpolate(mask[:, None].float(), (height, width), mode="area")[:, 0]
    return mask.expand(frames, -1, -1)


def check_mask(mask: Tensor, frames: int) -> None:
    """Raises ValueError unless a mask is (1 or frames, h, w)."""
    if mask.ndim != 3 or len(mask) not in (1, frames) or 0 in mask.shape:
        raise ValueError(
            f"mask must be (1, height, width) or one for each of {frames} frames, got shape {tuple(mask.shape)}"
        )
