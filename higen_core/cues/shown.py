"""What of a video is on screen at given times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..media.video_reader import TIME_TOLERANCE, TimedFrame


@dataclass(frozen=True, eq=False)
class Shown:
    """The image at one time: `weight`, 0..1, of the way from frame `first` to frame `second`, both (h, w, 3).

    While a frame is held, `second` is the frame itself.
    """

    first: Tensor
    second: Tensor
    weight: float = 0.0

    def image(self) -> Tensor:
        return torch.lerp(self.first, self.second, self.weight) if self.weight > 0 else self.first

    def lies_between_the_frames_of(self, other: Shown) -> bool:
        return self.first is other.first and self.second is other.second


def shown_at(
    frames: Iterable[TimedFrame],
    times: Iterable[float],
    hold: float,
    blend: bool,
    tolerance: float = TIME_TOLERANCE,
) -> Iterator[Shown]:
    """The image on screen at each of the rising times, in seconds.

    Args:
        frames: with the times at which they appear.
        times: ends the iteration, if the frames do not.
        hold: seconds that the last frame stays on screen.
        blend: interpolate linearly between frames, as slow motion does. Otherwise a video with a low frame rate would
            be measured as standing still and jumping.
        tolerance: seconds by which a frame may be late; see `VideoReader`.
    """
    times = iter(times)
    time = next(times, None)
    current: TimedFrame | None = None
    for upcoming in frames:
        while time is not None and upcoming[0] > time + tolerance:
            seconds, frame = current or upcoming
            weight = (time - seconds) / (upcoming[0] - seconds) if blend and upcoming[0] > seconds else 0.0
            yield Shown(frame, upcoming[1], max(0.0, weight)) if blend else Shown(frame, frame)
            time = next(times, None)
        if time is None:
            return
        current = upcoming
    while current and time is not None and time < current[0] + hold - TIME_TOLERANCE:
        yield Shown(current[1], current[1])
        time = next(times, None)
