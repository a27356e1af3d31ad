"""Samples a video again and again until its measured motion is the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import torch
from torch import Tensor

from ..cues.cues import Cues
from ..cues.curves import MOTION_MAX

Video = TypeVar("Video")
DRAFTS = 3
"""Drafts of a round."""
STEPS_PER_DRAFT_STEP = 3
LEAST_DRAFT_STEPS = 4
"""With fewer steps, a draft moves differently from the video."""
SOFTENING = 40.0
"""Motion added to both sides of a ratio, so that steps that hardly move are not corrected by large factors."""
FACTORS = (0.5, 1.5)
"""By which a correction changes what is asked for in a step at most, motion and SOFTENING."""
SLOPES = (0.5, 3.0)
"""Bounds of the first guess of the slope: measured motion per motion asked for."""
COUPLING = 0.35
"""What asking for more in a step adds to the motion of either step beside it, as a share of what it adds to its own."""
TRUST = 30.0
"""Change of the motion asked for, root mean square, from which on its effect counts for more than what was assumed."""
DAMPING = 0.5
"""Of corrections, as a share of the slope: what would take large changes to correct is corrected in part."""


@dataclass(frozen=True)
class MotionMatch(Generic[Video]):
    """The best of several samplings of a video.

    Attributes:
        video: as `attempt` of `match_motion` returned it.
        cues: those that it was sampled with.
        motion: measured in it, (f - 1,).
        misses: mean absolute difference of the measured motion from the one asked for, 0..1000, for each sampling.
        draft_misses: that of each draft, of which the first has the cues as they were asked for.
    """

    video: Video
    cues: Cues
    motion: Tensor
    misses: tuple[float, ...]
    draft_misses: tuple[float, ...] = ()

    @property
    def miss(self) -> float:
        """That of the video."""
        return min(self.misses)

    @property
    def first_miss(self) -> float:
        """That of the cues as they were asked for: of the first draft, or without drafts of the first video."""
        return (self.draft_misses or self.misses)[0]


@dataclass(frozen=True)
class Response:
    """The motion that was asked for, and what was then measured; both (f - 1,), float64."""

    asked: Tensor
    measured: Tensor

    @classmethod
    def of(cls, name: str, asked: Tensor, motion: Tensor) -> Response:
        """What `name`, the function that samples, measured.

        Raises:
            ValueError: another number of steps than was asked for, or motion that is not in 0..1000.
        """
        if motion.shape != asked.shape:
            raise ValueError(f"{name} must measure {len(asked)} steps of motion, got shape {tuple(motion.shape)}")
        motion = motion.cpu().double()
        if not ((motion >= 0) & (motion <= MOTION_MAX)).all():
            raise ValueError(f"{name} must measure motion 0..{MOTION_MAX}, got {motion.tolist()}")
        return cls(asked, motion)

    def miss(self, target: Tensor) -> float:
        """Mean absolute difference from the target."""
        return float((self.measured - target).abs().mean())


def draft_steps(steps: int) -> int:
    """Denoising steps of a draft of a video of so many steps; 0 if it has too few steps to be drafted."""
    count = round(steps / STEPS_PER_DRAFT_STEP)
    return count if count >= LEAST_DRAFT_STEPS else 0


def match_motion(
    attempt: Callable[[Cues], tuple[Video, Tensor]],
    cues: Cues,
    rounds: int,
    reach: tuple[float, float] = (0.0, MOTION_MAX),
    draft: Callable[[Cues], Tensor] | None = None,
) -> MotionMatch[Video]:
    """Samples a video with corrected cues, measures it, and samples it again, in up to `rounds` rounds.

    With drafts, a round makes DRAFTS of them, corrects the cues after each, and samples the video with the best. How
    much more or less the best video moves than its draft is expected of the next drafts, too. The cues as they are
    asked for are drafted only. Without drafts, a round corrects the cues by the videos so far, of which the first has
    the cues as they are. `corrected` says how.

    Args:
        attempt: samples and measures a video for given cues; returns the video, in any form, and its motion (f - 1,),
            as of `measure_motion`. Prior and noise must be the same each time, and noise that is correlated by the cues
            that by those asked for: another correlation gives another video.
        cues: those asked for.
        rounds: 0 samples once. They end before where a video is exact, or no better one is to be expected.
        reach: motion beyond which asking for less or more changes nothing; see `motion_reach`.
        draft: samples and measures the same video in fewer steps, see `draft_steps`; returns its motion alone.

    Raises:
        ValueError: `rounds` is negative, the cues have the null motion, or what is measured is not motion of as many
            frames.

    Example:
        >>> info = unet.info
        >>> motion = hg.calibrate(cues, info).motion
        >>> noise = hg.draw_correlated_noise(1, (1, 4, cues.frames, 8, 8), motion, info.noise_correlation)
        >>> options = {"prior": prior, "noise": noise, "noise_correlation": 0.0}
        >>> def attempt(cues, steps=12):
        ...     frames = vae.decode_video(hg.sample_video(unet, text, uncond, cues=cues, steps=steps, **options))
        ...     return frames, hg.measure_motion(frames[0], info.motion_scale)
        >>> def draft(cues):
        ...     return attempt(cues, hg.draft_steps(12))[1]
        >>> video = hg.match_motion(attempt, cues, rounds=2, reach=hg.motion_reach(info), draft=draft).video
    """
    if rounds < 0:
        raise ValueError(f"rounds must not be negative, got {rounds}")
    if (cues.motion < 0).any():
        raise ValueError("cues have the null motion, which asks for nothing that could be matched")

    def cues_of(asked: Tensor) -> Cues:
        return replace(cues, motion=asked.to(cues.motion.device, torch.int64))

    target = cues.motion.cpu().double()
    drafts = None
    if draft is not None and rounds > 0:
        measure = draft
        drafts = _Drafts(lambda asked: Response.of("draft", asked, measure(cues_of(asked))), target, reach)
    videos: list[Response] = []
    best: tuple[Video, Response] | None = None
    for _ in range(rounds if drafts else rounds + 1):
        asked = drafts.find(videos) if drafts else next_motion(videos, target, reach)
        if asked is None:
            break
        video, motion = attempt(cues_of(asked))
        videos.append(Response.of("attempt", asked, motion))
        if nearest(videos, target) is videos[-1]:
            best = video, videos[-1]
        if videos[-1].miss(target) == 0:
            break
    assert best is not None
    video, response = best
    misses, draft_misses = (
        tuple(made.miss(target) for made in responses) for responses in (videos, drafts.made if drafts else [])
    )
    return MotionMatch(video, cues_of(response.asked), response.measured, misses, draft_misses)


@dataclass
class _Drafts:
    """Finds the motion to ask for by drafts of a video.

    Attributes:
        draft: makes one for the motion asked for.
        target: motion that the video is to have, (f - 1,).
        reach: of the motion that is asked for.
        made: the drafts so far.
    """

    draft: Callable[[Tensor], Response]
    target: Tensor
    reach: tuple[float, float]
    made: list[Response] = field(default_factory=list)

    def find(self, videos: Sequence[Response]) -> Tensor | None:
        """What was asked for in the best of all drafts, after some more; None if that one is a video already."""
        target = self._target_of_drafts(videos)
        for _ in range(DRAFTS):
            asked = next_motion(self.made, target, self.reach)
            if asked is None:
                break
            self.made.append(self.draft(asked))
        best = nearest(self.made, target).asked
        return None if _was_asked(best, videos) else best

    def _target_of_drafts(self, videos: Sequence[Response]) -> Tensor:
        """The motion of a draft whose video has the target, if it differs from its video as the best one so far did.

        That is by the ratio of their means, and by what then remains in each step.
        """
        if not videos:
            return self.target
        video = nearest(videos, self.target)
        (draft,) = (draft for draft in self.made if draft.asked.equal(video.asked))
        ratio = (video.measured + SOFTENING).mean() / (draft.measured + SOFTENING).mean()
        return (self.target - (video.measured - ratio * draft.measured)) / ratio


def nearest(responses: Sequence[Response], target: Tensor) -> Response:
    """The first of those that miss the target least."""
    return min(responses, key=lambda response: response.miss(target))


def next_motion(responses: Sequence[Response], target: Tensor, reach: tuple[float, float]) -> Tensor | None:
    """The motion to ask for after these responses, whole numbers within reach; None if that was asked for before."""
    asked = (corrected(responses, target) if responses else target).clamp(*reach).round()
    return None if _was_asked(asked, responses) else asked


def _was_asked(asked: Tensor, responses: Sequence[Response]) -> bool:
    return any(response.asked.equal(asked) for response in responses)


def corrected(responses: Sequence[Response], target: Tensor) -> Tensor:
    """The motion to ask for so that the target is measured, (f - 1,), float64.

    A damped Newton step (Levenberg 1944, Marquardt 1963) from the nearest response. The first guess of the Jacobian is
    motion in proportion to what is asked for, in the step itself and, less, in those beside it. The differences to the
    other responses change it by rank-one updates as Broyden's (1965), made smaller where little else was asked for.
    """
    best = nearest(responses, target)
    slope = ((best.measured + SOFTENING).mean() / (best.asked + SOFTENING).mean()).clamp(*SLOPES)
    jacobian = slope * _coupling(len(target))
    for other in responses:
        change, effect = best.asked - other.asked, best.measured - other.measured
        weight = change.square().sum() + len(target) * TRUST**2
        jacobian += torch.outer(effect - jacobian @ change, change) / weight
    normal = jacobian.T @ jacobian + (DAMPING * slope) ** 2 * torch.eye(len(target)).double()
    step = torch.linalg.solve(normal, jacobian.T @ (target - best.measured))
    start = best.asked + SOFTENING
    return torch.clamp(start + step, FACTORS[0] * start, FACTORS[1] * start) - SOFTENING


def _coupling(steps: int) -> Tensor:
    """How the motion of each step depends on what is asked for in all, (steps, steps): rows with a sum of 1."""
    beside = torch.full((steps - 1,), COUPLING, dtype=torch.float64)
    rows = torch.eye(steps).double() + torch.diag(beside, 1) + torch.diag(beside, -1)
    return rows / rows.sum(dim=1, keepdim=True)


def miss_of_motion(measured: Tensor, target: Tensor) -> tuple[float, float]:
    """How far motion is from the one asked for: mean absolute miss of a step, and of the mean of a clip.

    Args:
        measured: (b, f - 1).
        target: (f - 1,) or (b, f - 1).
    """
    difference = torch.as_tensor(measured).double() - target
    return float(difference.abs().mean()), float(difference.mean(dim=-1).abs().mean())
