"""The two cues that steer the temporal stage (paper, section 3.3; DESIGN: how this project defines them).

Motion is how much the picture changes from one frame to the next, appearance how alike any two frames look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from .curves import MOTION_MAX, Curve, appearance_factors, appearance_matrix, motion_values
from .embedding import APPEARANCE_WIDTH

if TYPE_CHECKING:
    import numpy as np

MOTION_SCALE = 10_000
"""Motion cue per mean absolute change of a pixel in [0, 1], unless the weights say otherwise."""

UNTOLD_MOTION = -1000
UNTOLD_APPEARANCE = 0.0
"""What networks trained here read as "this cue is not told": no clip has such a motion, nor such a row."""


@dataclass(frozen=True)
class Cues:
    """Cues of one clip of f frames.

    motion: (f - 1,) integers 0..1000, one between every two neighbouring frames; UNTOLD_MOTION: left to the words.
    appearance: (f, f) similarities 0..1, with ones on the diagonal; all UNTOLD_APPEARANCE: left to the words.
    """

    motion: Tensor
    appearance: Tensor

    def __post_init__(self) -> None:
        frames = len(self.appearance)
        if self.appearance.shape != (frames, frames):
            raise ValueError(f"appearance must be a square matrix, got shape {tuple(self.appearance.shape)}")
        if self.motion.shape != (frames - 1,) or self.motion.is_floating_point():
            raise ValueError(
                f"motion must be {frames - 1} integers for {frames} frames, "
                f"got {self.motion.dtype} of shape {tuple(self.motion.shape)}"
            )
        _check_range("motion", self.motion[self.motion != UNTOLD_MOTION], 0, MOTION_MAX)
        _check_range("appearance", self.appearance, 0, 1)

    @property
    def frames(self) -> int:
        return len(self.appearance)

    @classmethod
    def constant(cls, frames: int, motion: int = 500, appearance: float = 1.0) -> Cues:
        """The same motion throughout; the look drifts evenly: a_ij = 1 - appearance * |i - j| / (frames - 1)."""
        if not 0 <= motion <= MOTION_MAX:
            raise ValueError(f"motion must be between 0 and {MOTION_MAX}, got {motion}")
        if not 0 <= appearance <= 1:
            raise ValueError(f"appearance must be between 0 and 1, got {appearance}")
        if frames < 2:
            raise ValueError(f"a video has at least 2 frames, got {frames}")
        return cls(torch.full((frames - 1,), int(motion)), appearance_matrix(torch.full((frames,), float(appearance))))

    @classmethod
    def untold(cls, frames: int) -> Cues:
        """Neither cue is told, which networks trained here know, and the released one does not."""
        return cls(torch.full((frames - 1,), UNTOLD_MOTION), torch.full((frames, frames), UNTOLD_APPEARANCE))

    @classmethod
    def from_curves(cls, motion: Curve, appearance: Curve, frames: int) -> Cues:
        """Cues drawn over the clip: y = 1 is motion 1000, and appearance factor 1."""
        return cls(motion_values(motion, frames), appearance_matrix(appearance_factors(appearance, frames)))

    def rows(self) -> Tensor:
        """Appearance as the denoiser reads it: (f, 32), the similarity to 32 positions spread over the clip."""
        if self.frames == APPEARANCE_WIDTH:
            return self.appearance.float()
        return resample_rows(self.appearance.float()[None])[0]


def resample_rows(appearance: Tensor) -> Tensor:
    """(b, f, f) -> (b, f, 32), first and last column kept."""
    return F.interpolate(appearance, size=APPEARANCE_WIDTH, mode="linear", align_corners=True)


def measure_motion(frames: Tensor, scale: float = MOTION_SCALE) -> Tensor:
    """Motion cues (..., f - 1) of frames (..., f, h, w, 3) in [0, 1]: mean absolute change, scaled and clipped."""
    return motion_cue((frames.diff(dim=-4)).abs().mean(dim=(-3, -2, -1)), scale)


def motion_cue(change: Tensor, scale: float = MOTION_SCALE) -> Tensor:
    """Motion cues of mean absolute changes of a pixel in [0, 1]."""
    return (scale * change).round().clamp(0, MOTION_MAX).long()


def similarity(embeddings: Tensor, floor: float) -> Tensor:
    """Cosine similarity of image embeddings (..., f, d) rescaled from [floor, 1] to [0, 1] -> (..., f, f)."""
    unit = F.normalize(embeddings.float(), dim=-1)
    return ((unit @ unit.mT - floor) / (1 - floor)).clamp(0, 1)


def plot_cues(cues: Cues, fps: float = 8.0, cuts: Sequence[int] = ()) -> np.ndarray:
    """Both cues as a picture (h, w, 3) in [0, 1]: motion over time, appearance as a heat map.

    `cuts` are motion steps with a scene cut in the footage that the cues were measured on; they are marked.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.0), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    seconds = (np.arange(cues.frames - 1) + 0.5) / fps
    left.plot(seconds, cues.motion.numpy(), marker="o", markersize=3, color="#e07b00")
    left.set(xlabel="time (s)", ylabel="motion (0 to 1000)", ylim=(-20, MOTION_MAX + 20), title="Motion cue")
    for k, cut in enumerate(cuts):
        left.axvline(seconds[cut], color="#444444", linestyle="--", label=None if k else "scene cut")
    if cuts:
        left.legend(loc="upper right")
    left.grid(alpha=0.3)
    heat = right.imshow(cues.appearance.numpy(), vmin=0, vmax=1, cmap="viridis")
    right.set(xlabel="frame", ylabel="frame", title="Appearance cue")
    figure.colorbar(heat, ax=right, label="similarity (0 to 1)")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(np.float32) / 255


def _check_range(name: str, values: Tensor, low: float, high: float) -> None:
    if not ((values >= low - 1e-6) & (values <= high + 1e-6)).all():
        raise ValueError(f"{name} must lie in {low}..{high}, got {values.min():g}..{values.max():g}")
