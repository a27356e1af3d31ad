"""Several spatial priors at times of their own: first and last frame, key frames, storyboards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor


def blend_priors(priors: Tensor, times: Sequence[float], frames: int) -> Tensor:
    """A prior for each frame of a clip, for `sample_video`.

    Between two times their priors are blended linearly; before the first and after the last one prior holds. The
    network embeds priors with one convolution, so this blends their embeddings.

    Args:
        priors: (..., n, c, h, w), such as (b, n, c, h, w).
        times: n positions in the clip, rising, 0 at the first frame and 1 at the last.
        frames: f.

    Returns:
        (..., f, c, h, w).

    Raises:
        ValueError: times that do not rise or leave 0..1, or another number of them than of priors.
    """
    n = priors.shape[-4]
    check_times(times, n)
    first, last, share = [], [], []
    for i in range(frames):
        x = i / (frames - 1) if frames > 1 else 0.0
        k = max((k for k in range(n) if times[k] <= x), default=0)
        after = min(k + 1, n - 1) if times[k] <= x else k
        first.append(k)
        last.append(after)
        share.append((x - times[k]) / (times[after] - times[k]) if after != k else 0.0)
    weights = torch.tensor(share).to(priors).view(-1, 1, 1, 1)
    return torch.lerp(priors[..., first, :, :, :], priors[..., last, :, :, :], weights)


def check_times(times: Sequence[float], count: int) -> None:
    """Raises ValueError unless these are the times of so many priors: rising, from 0 to 1."""
    if len(times) != count or count == 0:
        raise ValueError(f"times must be one for each of {count} priors, got {len(times)}")
    for i, time in enumerate(times):
        if not 0 <= time <= 1:
            raise ValueError(f"times must lie in 0..1, from the first to the last frame, got {time} for prior {i + 1}")
    for i, (a, b) in enumerate(pairwise(times)):
        if b <= a:
            raise ValueError(f"times must rise: prior {i + 2} is at {b}, prior {i + 1} at {a}; put the priors in order")


def prior_of_frames(prior: Tensor, frames: Sequence[int]) -> Tensor:
    """The priors of some frames, such as those of a context window: of (f, c, h, w); one prior (c, h, w) is for all."""
    return prior if prior.ndim == 3 else prior[list(frames)]
