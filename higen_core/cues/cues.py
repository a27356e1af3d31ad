"""The motion and appearance cues, which control the temporal stage (Qing et al. 2024, section 3.3).

Motion is how much pixels change from one frame to the next, appearance how similar any two frames look. A mask says
where in the image they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.embedding import APPEARANCE_WIDTH
from ..models.info import ModelInfo
from .curves import MOTION_MAX, Curve, EvaluatedCurve, appearance_factors, appearance_matrix, motion_values
from .masks import check_mask, resize_mask

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
NULL_MOTION = -1000
NULL_APPEARANCE = 0.0
"""The null cues of networks that were trained with them, for guidance: no clip has this motion or this appearance."""


@dataclass(frozen=True)
class Cues:
    """Cues of one clip of f frames.

    Attributes:
        motion: (f - 1,) integers, one for each step from a frame to the next: 0..1000, or NULL_MOTION for no condition.
        appearance: (f, f) floats: similarities 0..1 with ones on the diagonal, or all NULL_APPEARANCE for no condition.
        mask: where these cues hold, 0..1, (f, h, w), or (1, h, w) for all frames, of any height and width: it is
            resized to the latents. None means everywhere; see `masked`.
        outside: the cues that hold where the mask is 0; None without a mask.

    Raises:
        ValueError: another shape, motion that is not of integers, or a value out of range.
    """

    motion: Tensor
    appearance: Tensor
    mask: Tensor | None = field(default=None, kw_only=True)
    outside: Cues | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        frames = len(self.appearance)
        if self.appearance.shape != (frames, frames):
            raise ValueError(f"appearance must be a square matrix, got shape {tuple(self.appearance.shape)}")
        if self.motion.shape != (frames - 1,) or self.motion.dtype not in INTEGERS:
            raise ValueError(
                f"motion must be {frames - 1} integers for {frames} frames, "
                f"got {self.motion.dtype} of shape {tuple(self.motion.shape)}"
            )
        _check_range("motion", self.motion[self.motion != NULL_MOTION], 0, MOTION_MAX)
        _check_range("appearance", self.appearance, 0, 1)
        if (self.mask is None) != (self.outside is None):
            raise ValueError("mask and outside belong together: Cues.masked sets both")
        if self.mask is not None and self.outside is not None:
            check_mask(self.mask, frames)
            _check_range("mask", self.mask, 0, 1)
            if self.outside.frames != frames or self.outside.mask is not None:
                raise ValueError(
                    f"outside must be cues of {frames} frames without a mask, got {self.outside.frames} frames"
                    + (" with one" if self.outside.mask is not None else "")
                )

    @property
    def frames(self) -> int:
        return len(self.appearance)

    @classmethod
    def constant(cls, frames: int, motion: int = 500, appearance: float = 1.0) -> Cues:
        """Constant motion 0..1000, and appearance that changes evenly: a_ij = 1 - appearance * |i - j| / (frames - 1).

        The defaults are those of the released implementation. An appearance factor of 0 means no change.

        Raises:
            ValueError: fewer than 2 frames, or a value out of range.
        """
        if not 0 <= motion <= MOTION_MAX:
            raise ValueError(f"motion must be between 0 and {MOTION_MAX}, got {motion}")
        if not 0 <= appearance <= 1:
            raise ValueError(f"appearance must be between 0 and 1, got {appearance}")
        if frames < 2:
            raise ValueError(f"a video has at least 2 frames, got {frames}")
        return cls(torch.full((frames - 1,), int(motion)), appearance_matrix(torch.full((frames,), float(appearance))))

    @classmethod
    def recommended(cls, info: ModelInfo) -> Cues:
        """The constant cues that suit weights, of the length of their training clips."""
        return cls.constant(info.frames, info.sampling.motion, info.sampling.appearance)

    @classmethod
    def null(cls, frames: int) -> Cues:
        """Both cues null: no condition. The released network was not trained with null cues."""
        return cls(torch.full((frames - 1,), NULL_MOTION), torch.full((frames, frames), NULL_APPEARANCE))

    @classmethod
    def from_curves(cls, motion: Curve | EvaluatedCurve, appearance: Curve | EvaluatedCurve, frames: int) -> Cues:
        """Cues from curves over the clip, where y = 1 is motion 1000 or appearance factor 1; see `curves`."""
        return cls(motion_values(motion, frames), appearance_matrix(appearance_factors(appearance, frames)))

    def masked(self, mask: Tensor, outside: Cues | None = None) -> Cues:
        """These cues where a mask is 1, other ones where it is 0, and both blended in between: a motion brush.

        Args:
            mask: (f, h, w), or (1, h, w) or (h, w) for all frames; 0..1, of any height and width.
            outside: cues of any length, stretched in time to these. None is still: no motion, no change of appearance.

        Raises:
            ValueError: a mask of another shape or count, or out of range, or a second mask.
        """
        if self.mask is not None or (outside is not None and outside.mask is not None):
            raise ValueError(f"{'outside' if self.mask is None else 'these cues'} have a mask already; give one mask")
        outside = Cues.constant(self.frames, 0, 0.0) if outside is None else resample_cues(outside, self.frames)
        return replace(self, mask=(mask[None] if mask.ndim == 2 else mask).float(), outside=outside)

    @property
    def still_outside(self) -> bool:
        """Whether nothing moves or changes where the mask is 0."""
        return self.outside is not None and not self.outside.motion.any() and bool((self.outside.appearance == 1).all())

    def sized(self, height: int, width: int) -> Cues:
        """These cues with their mask resized to latents, one a frame: (f, height, width), means over the cells."""
        if self.mask is None or self.mask.shape == (self.frames, height, width):
            return self
        return replace(self, mask=resize_mask(self.mask, self.frames, height, width))

    def cropped(self, top: int, left: int, height: int, width: int) -> Cues:
        """These cues with an area of their mask."""
        if self.mask is None:
            return self
        return replace(self, mask=self.mask[:, top : top + height, left : left + width])

    def conditions(self, height: int, width: int, null_appearance: bool = False) -> dict[str, Tensor]:
        """The inputs of the denoiser, without its batch, for latents of this size.

        Motion (f - 1,) and appearance (f, 32); with a mask also mask (f, height, width), outside_motion and
        outside_appearance. `null_appearance` puts the null cue in place of both appearances, for guidance.
        """
        conditions = {"motion": self.motion, "appearance": self.rows()}
        if self.mask is not None and self.outside is not None:
            conditions["mask"] = resize_mask(self.mask, self.frames, height, width)
            conditions |= {f"outside_{name}": value for name, value in self.outside.conditions(height, width).items()}
        if null_appearance:
            for name in conditions.keys() & {"appearance", "outside_appearance"}:
                conditions[name] = torch.full_like(conditions[name], NULL_APPEARANCE)
        return conditions

    def motion_map(self, height: int, width: int) -> Tensor:
        """Motion as noise is correlated by it: (f - 1,), or (f - 1, height, width) with a mask.

        The mask of a step from a frame to the next is the mean of theirs.
        """
        if self.mask is None or self.outside is None:
            return self.motion
        mask = resize_mask(self.mask, self.frames, height, width)
        inside, outside = (cues.motion.to(mask)[:, None, None] for cues in (self, self.outside))
        return torch.lerp(outside, inside, (mask[1:] + mask[:-1]) / 2)

    def select(self, frames: Sequence[int]) -> Cues:
        """Cues of some of the frames, in the order of their indices, such as those of a context window.

        Between frames that are not neighbors, motion is the sum of the steps between them, at most 1000. From a frame
        back to an earlier one, as at the seam of a loop, it is the mean of the clip.
        """
        motion = torch.stack([self._motion_between(i, j) for i, j in pairwise(frames)]) if len(frames) > 1 else ()
        rows = list(frames)
        mask = self.mask if self.mask is None or len(self.mask) == 1 else self.mask[rows]
        outside = None if self.outside is None else self.outside.select(frames)
        return Cues(
            torch.as_tensor(motion, dtype=torch.int64), self.appearance[rows][:, rows], mask=mask, outside=outside
        )

    def looped(self) -> Cues:
        """The cues for a loop, whose last and first frame are neighbors.

        Frames that are closer around the seam are at least as similar as frames at that distance are on average.
        """
        i = torch.arange(self.frames)
        distance = (i[:, None] - i).abs()
        sums = torch.zeros(self.frames).index_add(0, distance.flatten(), self.appearance.flatten().float().cpu())
        mean = sums / distance.flatten().bincount()
        around = torch.where(distance > 0, mean[-distance], 0).to(self.appearance)
        outside = None if self.outside is None else self.outside.looped()
        return replace(self, appearance=torch.maximum(self.appearance, around), outside=outside)

    def _motion_between(self, i: int, j: int) -> Tensor:
        steps = self.motion[i:j] if i < j else self.motion
        if (steps == NULL_MOTION).any():
            return torch.tensor(NULL_MOTION)
        return steps.sum().clamp(max=MOTION_MAX) if i < j else steps.double().mean().round().long()

    def rows(self) -> Tensor:
        """Appearance as the input of the denoiser, (f, 32): similarities to 32 evenly spaced positions of the clip."""
        if self.frames == APPEARANCE_WIDTH:
            return self.appearance.float()
        return resample_rows(self.appearance.float()[None])[0]


def resample_rows(appearance: Tensor) -> Tensor:
    """Appearance (b, f, f) -> (b, f, 32), linearly interpolated; the first and last columns stay the same."""
    return F.interpolate(appearance, size=APPEARANCE_WIDTH, mode="linear", align_corners=True)


def resample_cues(cues: Cues, frames: int) -> Cues:
    """The cues stretched in time to another number of frames; motion and appearance keep their values.

    Raises:
        ValueError: fewer than 2 frames.
    """
    if frames < 2:
        raise ValueError(f"cues need at least 2 frames, got {frames}")
    if frames == cues.frames:
        return cues
    mask, outside = cues.mask, None if cues.outside is None else resample_cues(cues.outside, frames)
    if mask is not None and len(mask) > 1:
        mask = mask[torch.linspace(0, len(mask) - 1, frames).round().long()]
    motion = F.interpolate(cues.motion[None, None].double(), size=frames - 1, mode="linear")[0, 0]
    matrix = cues.appearance[None, None].float()
    appearance = F.interpolate(matrix, size=(frames, frames), mode="bilinear", align_corners=True)[0, 0]
    return Cues(motion.round().long(), appearance.fill_diagonal_(1).clamp(0, 1), mask=mask, outside=outside)


def blend_cues(
    cues: Cues,
    motion_from: Cues | None = None,
    appearance_from: Cues | None = None,
    *,
    motion_strength: float = 1.0,
    appearance_strength: float = 1.0,
) -> Cues:
    """`cues` interpolated linearly towards the cues of other clips.

    Args:
        cues: sets the number of frames, and the mask with what is outside.
        motion_from, appearance_from: clips to take each cue from, of any length; None keeps that of `cues`.
        motion_strength, appearance_strength: 0..1; 0 keeps the cue, 1 replaces it.

    Raises:
        ValueError: a strength out of range, or cues to take of a single frame or with a mask.
    """
    motion, appearance = cues.motion, cues.appearance
    if motion_from is not None:
        _check_blended("motion", motion_from, motion_strength)
        target = resample_cues(motion_from, cues.frames).motion
        motion = torch.lerp(motion.double(), target.double(), motion_strength).round().long()
    if appearance_from is not None:
        _check_blended("appearance", appearance_from, appearance_strength)
        target = resample_cues(appearance_from, cues.frames).appearance
        appearance = torch.lerp(appearance, target, appearance_strength)
    return Cues(motion, appearance, mask=cues.mask, outside=cues.outside)


def _check_blended(cue: str, cues: Cues, strength: float) -> None:
    if cues.frames < 2:
        raise ValueError(f"{cue}_from must be cues of at least 2 frames, got {cues.frames}")
    if cues.mask is not None:
        raise ValueError(
            f"{cue}_from must be cues without a mask, which cannot be blended: set the mask where they are blended"
        )
    if not 0 <= strength <= 1:
        raise ValueError(f"{cue}_strength must be between 0 and 1, got {strength}")


def _check_range(name: str, values: Tensor, low: float, high: float) -> None:
    if not ((values >= low - 1e-6) & (values <= high + 1e-6)).all():
        raise ValueError(f"{name} must lie in {low}..{high}, got {values.min():g}..{values.max():g}")
