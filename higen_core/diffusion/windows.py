"""Videos longer than the training clips, and loops: overlapping context windows whose velocities are blended.

Every window is denoised from the noise of the whole clip, with the cues of its frames and the same prior. So windows
cannot drift apart, as clips do of which each starts from the last frame of the one before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from .guidance import Velocity


@dataclass(frozen=True)
class Windows:
    """How a clip is cut into windows.

    Attributes:
        frames: of the clip.
        length: frames of a window.
        overlap: frames that neighboring windows share at least.
        loop: the first frame follows the last; windows go on from the end of the clip at its start.
    """

    frames: int
    length: int
    overlap: int
    loop: bool = False

    @property
    def needed(self) -> bool:
        """Whether one window in the order of the clip does not do."""
        return self.loop or self.frames > self.length

    def indices(self, step: int = 0) -> list[list[int]]:
        """The frames of each window in a step 0, 1, ... of the sampling. They start at equal distances.

        Those of a loop lie all around it and turn from step to step, so that their ends fall on all frames alike.
        """
        stride = self.length - self.overlap
        if self.loop:
            count, turn = max(2, math.ceil(self.frames / stride)), round(self.frames * bit_reversed(step))
            starts = [turn + round(k * self.frames / count) for k in range(count)]
        else:
            last = self.frames - self.length
            count = math.ceil(last / stride)
            starts = [0, *(round(k * last / count) for k in range(1, count + 1))]
        return [[(start + k) % self.frames for k in range(self.length)] for start in starts]


def plan_windows(
    frames: int, trained: int, length: int | None = None, overlap: int | None = None, loop: bool = False
) -> Windows:
    """The windows for a clip.

    Args:
        frames: of the clip.
        trained: frames that the weights were trained on.
        length: of a window, 2 to `trained`; None for `trained`. A shorter clip has windows of its own length.
        overlap: 0 to length - 1; None for half of the length, as for windows of the length of a loop.
        loop: see `Windows`.

    Raises:
        ValueError: a length or an overlap out of range; the message names it.
    """
    if length is not None and length > trained:
        raise ValueError(f"context_length is {length}, but this model was trained on {trained} frames: lower it")
    if length is not None and length < 2:
        raise ValueError(f"context_length must be at least 2 frames, got {length}")
    length = trained if length is None else length
    if overlap is not None and not 0 <= overlap < length:
        raise ValueError(f"context_overlap must be 0 to {length - 1} for windows of {length} frames, got {overlap}")
    if overlap is None or frames <= length:
        length = min(frames, length)
        overlap = length // 2
    return Windows(frames, length, overlap, loop)


def bit_reversed(step: int) -> float:
    """The van der Corput sequence: 0, 1/2, 1/4, 3/4, 1/8, ... covers 0..1 evenly however many steps there are."""
    bits = bin(step)[2:]
    return int(bits[::-1], 2) / 2 ** len(bits)


def blend_weights(length: int) -> list[float]:
    """How much each frame of a window counts where windows overlap: rising from its ends to its middle."""
    return [float(min(k, length - 1 - k) + 1) for k in range(length)]


def velocity_in_windows(
    velocity_of: Callable[[Sequence[int]], Velocity], windows: Windows, timesteps: Sequence[int]
) -> Velocity:
    """The velocity of a clip (b, c, f, h, w): the weighted mean of those of its windows, evaluated one by one.

    Args:
        velocity_of: the velocity of some frames, given their indices in the clip.
        timesteps: the time steps that the sampler visits.
    """
    steps = {t: step for step, t in enumerate(timesteps)}

    @lru_cache(maxsize=len(windows.indices()))  # the windows of a loop differ from step to step, others do not
    def window_on(device: torch.device, window: tuple[int, ...]) -> tuple[Velocity, Tensor]:
        return velocity_of(window), torch.tensor(window, device=device)

    @lru_cache(maxsize=1)
    def weights_on(device: torch.device) -> Tensor:
        return torch.tensor(blend_weights(windows.length), device=device).view(-1, 1, 1)

    def velocity(x: Tensor, t: int) -> Tensor:
        weight = weights_on(x.device).to(x.dtype)
        total, weight_sum = torch.zeros_like(x), x.new_zeros(windows.frames, 1, 1)
        for window in windows.indices(steps[t]):
            velocity_in_window, frames = window_on(x.device, tuple(window))
            total[:, :, frames] += weight * velocity_in_window(x[:, :, frames], t)
            weight_sum[frames] += weight
        return total / weight_sum

    return velocity
