"""Several spatial priors at times of their own: first and last frame, key frames, storyboards."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor


def blend_priors(priors: Tensor, times: Sequence[float], frames: int) -> Tensor:
    """A prior for each frame of a clip, for `sample_video`.

    Each prior holds at the frame nearest to its time; between two of these frames their priors are blended linearly,
    before the first and after the last one prior holds. The network embeds priors with one convolution, so this blends
    their embeddings.

    Args:
        priors: (..., n, c, h, w), such as (b, n, c, h, w).
        times: n positions in the clip, rising, 0 at the first frame and 1 at the last.
        frames: f.

    Returns:
        (..., f, c, h, w).

    Raises:
        ValueError: see `key_frames`, or another number of times than of priors.
    """
    n = priors.shape[-4]
    check_times(times, n)
    keys = key_frames(times, frames)
    before, after, share = [], [], []
    for i in range(frames):
        k = max(bisect_right(keys, i) - 1, 0)
        following = min(k + 1, n - 1) if i > keys[k] else k
        before.append(k)
        after.append(following)
        share.append((i - keys[k]) / (keys[following] - keys[k]) if following > k else 0.0)
    weights = torch.tensor(share).to(priors).view(-1, 1, 1, 1)
    return torch.lerp(priors[..., before, :, :, :], priors[..., after, :, :, :], weights)


def key_frames(times: Sequence[float], frames: int) -> list[int]:
    """The frame nearest to each of the times.

    Raises:
        ValueError: times that do not rise or leave 0..1, or that are the same frame of so short a clip.
    """
    check_times(times, len(times))
    keys = [round(time * (frames - 1)) for time in times]
    for i, (a, b) in enumerate(pairwise(keys)):
        if a == b:
            raise ValueError(
                f"times {times[i]} and {times[i + 1]} are both frame {a + 1} of {frames}: set them further apart"
            )
    return keys


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
