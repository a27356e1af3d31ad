"""What keeps the picture still outside of a mask, where the cues ask for no motion and no change of appearance."""

from __future__ import annotations

import torch
from torch import Tensor

from .guidance import Velocity
from .schedule import alpha_sigma


def hold_still(x0: Tensor, mask: Tensor) -> Tensor:
    """Estimates of clean frames with those outside of a mask replaced by their mean over the frames.

    The embedding of the cues asks for stillness there, but layers that look at the whole picture carry motion over from
    inside. A picture that does not change equals its mean, so the mean keeps what the estimates agree on.

    Args:
        x0: (b, c, f, h, w).
        mask: 1 inside, 0 outside, (f, h, w) or (b, f, h, w). Where it is 1, estimates stay the same to the bit.
    """
    return torch.lerp(x0.mean(dim=2, keepdim=True), x0, (mask if mask.ndim == 3 else mask[:, None]).to(x0))


def still_outside(velocity: Velocity, mask: Tensor) -> Velocity:
    """`velocity` with `hold_still` applied to the estimates of clean frames: x0 = alpha x - sigma v."""

    def held(x: Tensor, t: int) -> Tensor:
        v = velocity(x, t)
        alpha, sigma = alpha_sigma(t, x)
        x0 = alpha * x - sigma * v
        return v + (x0 - hold_still(x0, mask)) / sigma

    return held
