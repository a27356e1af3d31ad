"""Changes of the estimates of clean frames while sampling: what a mask keeps still, and frames that are given."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .guidance import Velocity
from .schedule import alpha_sigma


def hold_still(x0: Tensor, mask: Tensor) -> Tensor:
    """Estimates of clean frames with those outside of a mask replaced by their mean over the frames.

    The embedding of the cues asks for stillness there, but layers that look at the whole image carry motion over from
    inside. An image that does not change equals its mean, so the mean keeps what the estimates agree on.

    Args:
        x0: (b, c, f, h, w).
        mask: 1 inside, 0 outside, (f, h, w) or (b, f, h, w). Where it is 1, estimates stay the same to the bit.
    """
    return torch.lerp(x0.mean(dim=2, keepdim=True), x0, (mask if mask.ndim == 3 else mask[:, None]).to(x0))


def keep_frames(x0: Tensor, priors: Tensor, keep: Tensor) -> Tensor:
    """Estimates of clean frames with some replaced by their priors: those frames will show exactly these.

    Networks that were trained with the first frame as the prior do not follow the priors of later frames by themselves.

    Args:
        x0: (b, c, f, h, w).
        priors: (b, f, c, h, w).
        keep: which frames, (f,) bool.
    """
    return torch.where(keep.to(x0.device)[:, None, None], priors.to(x0).transpose(1, 2), x0)


def changed_estimates(velocity: Velocity, change: Callable[[Tensor], Tensor]) -> Velocity:
    """`velocity` with the estimates of clean frames changed: x0 = alpha x - sigma v."""

    def changed(x: Tensor, t: int) -> Tensor:
        v = velocity(x, t)
        alpha, sigma = alpha_sigma(t, x)
        x0 = alpha * x - sigma * v
        return v + (x0 - change(x0)) / sigma

    return changed
