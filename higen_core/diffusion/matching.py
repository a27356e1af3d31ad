"""Samples a video again and again until its measured motion is the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..cues.cues import Cues
from ..cues.curves import MOTION_MAX

Video = TypeVar("Video")
SOFTENING = 40.0
"""Motion added to both sides of a ratio, so that steps that hardly move are not corrected by large factors."""
FACTORS = (0.5, 1.3)
"""By which a round changes the motion that is asked for in a step at most. Too much motion is harder to undo."""
SLOPES = (0.4, 4.0)
"""Bounds of the motion that is measured more for each motion that is asked for more."""
TRUST = 50.0
"""Change of the motion asked for, over three steps, from which on its effect counts for more than the ratio."""


@dataclass(frozen=True)
class MotionMatch(Generic[Video]):
    """The best of several samplings of a video.

    Attributes:
        video: as `attempt` of `match_motion` returned it.
        cues: those that it was sampled with.
        motion: measured in it, (f - 1,).
        misses: mean absolute difference of the measured motion from the one asked for, 0..1000, for each sampling.
    """

    video: Video
    cues: Cues
    motion: Tensor
    misses: tuple[float, ...]

    @property
    def miss(self) -> float:
        """That of the video."""
        return min(self.misses)


def match_motion(
    attempt: Callable[[Cues], tuple[Video, Tensor]],
    cues: Cues,
    rounds: int,
    reach: tuple[float, float] = (0.0, MOTION_MAX),
) -> MotionMatch[Video]:
    """Samples a video with cues, corrects them by what was measured, and samples it again, up to `rounds` times.

    Each round is a secant step from the best video so far, for each step between frames by itself: how much more is
    measured where more was asked for tells how much to ask for. The first round takes both to be in proportion.

    Args:
        attempt: samples and measures a video for given cues; returns the video, in any form, and its motion (f - 1,),
            as of `measure_motion`. Prior and noise must be the same each time, and noise that is correlated by the cues
            that by those asked for: another correlation gives another video.
        cues: those asked for.
        rounds: corrections, 0 for none: one sampling more than that at most. A video that is exact ends them.
        reach: motion beyond which asking for less or more changes nothing; see `motion_reach`.

    Raises:
        ValueError: `rounds` is negative, the cues have the null motion, or the video has another number of frames.

    Example:
        >>> info = unet.info
        >>> motion = hg.calibrate(cues, info).motion
        >>> noise = hg.draw_correlated_noise(1, (1, 4, cues.frames, 8, 8), motion, info.noise_correlation)
        >>> options = {"prior": prior, "noise": noise, "noise_correlation": 0.0}
        >>> def attempt(cues):
        ...     frames = vae.decode_video(hg.sample_video(unet, text, uncond, cues=cues, **options))
        ...     return frames, hg.measure_motion(frames[0], info.motion_scale)
        >>> video = hg.match_motion(attempt, cues, rounds=3, reach=hg.motion_reach(info)).video
    """
    if rounds < 0:
        raise ValueError(f"rounds must not be negative, got {rounds}")
    if (cues.motion < 0).any():
        raise ValueError("cues have the null motion, which asks for nothing that could be matched")
    target = cues.motion.double()
    tried = cues
    best: MotionMatch[Video] | None = None
    other: tuple[Tensor, Tensor] | None = None
    misses: list[float] = []
    for _ in range(rounds + 1):
        video, motion = attempt(tried)
        if motion.shape != cues.motion.shape:
            raise ValueError(f"attempt must measure {len(target)} steps of motion, got shape {tuple(motion.shape)}")
        motion = motion.cpu().double()
        misses.append(float((motion - target).abs().mean()))
        if best is None or misses[-1] < min(misses[:-1]):
            other = None if best is None else (best.cues.motion, best.motion)
            best = MotionMatch(video, tried, motion, ())
        else:
            other = (tried.motion, motion)
        if misses[-1] == 0:
            break
        asked = corrected(best.cues.motion, best.motion, target, other).clamp(0, reach[1])
        tried = replace(cues, motion=asked.round().to(cues.motion))
    assert best is not None
    return replace(best, misses=tuple(misses))


def corrected(asked: Tensor, measured: Tensor, target: Tensor, other: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """The motion to ask for, float64, after `asked` gave `measured` in place of `target`; all (f - 1,).

    `other` is what was asked for and measured another time. Its difference counts together with those of the two steps
    beside it, which share frames, and less the smaller they are.
    """
    asked, measured = asked.double() + SOFTENING, measured.double() + SOFTENING
    slope = measured / asked
    if other is not None:
        change, effect = (now - before for now, before in zip((asked, measured), other, strict=True))
        change, effect = change - SOFTENING, effect - SOFTENING
        weight = TRUST**2
        slope = (_over_neighbors(change * effect) + weight * slope) / (_over_neighbors(change.square()) + weight)
    steps = (target + SOFTENING - measured) / slope.clamp(*SLOPES)
    return torch.clamp(asked + steps, FACTORS[0] * asked, FACTORS[1] * asked) - SOFTENING


def _over_neighbors(values: Tensor) -> Tensor:
    """The sum of each value (n,) and those beside it."""
    return F.conv1d(values[None, None], values.new_ones(1, 1, 3), padding=1)[0, 0]


def miss_of_motion(measured: Tensor, target: Tensor) -> tuple[float, float]:
    """How far motion is from the one asked for: mean absolute miss of a step, and of the mean of a clip.

    Args:
        measured: (b, f - 1).
        target: (f - 1,) or (b, f - 1).
    """
    difference = torch.as_tensor(measured).double() - target
    return float(difference.abs().mean()), float(difference.mean(dim=-1).abs().mean())
