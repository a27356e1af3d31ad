"""Cues and priors of the frames of a clip, as the denoiser and the samplers read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch

from ... import higen_core as hg
from ...higen_core.diffusion.estimates import hold_still, keep_frames
from ...higen_core.diffusion.prior_track import prior_of_frames

MADE_MOST = 64
"""Values that the cues of a sampling keep on the device, such as those of as many context windows."""


@dataclass(frozen=True, eq=False)
class FrameCues:
    """What a CONDITIONING has beside its text: cues of all frames, and a prior (4, h, w) or one a frame (f, 4, h, w).

    `keep` says which frames show exactly their priors, (f,) bool; None for none.

    Two are equal only if they are the same object, which makes comparisons by ComfyUI cheap.
    """

    cues: hg.Cues
    prior: torch.Tensor
    prior_strength: float = 1.0
    null_appearance: bool = False
    keep: torch.Tensor | None = None
    _made: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` returns, made in the first step of a sampling alone: so later ones wait for no copy to a device.

        At most MADE_MOST values are kept.
        """
        if key not in self._made:
            if len(self._made) == MADE_MOST:
                self._made.pop(next(iter(self._made)))
            self._made[key] = make()
        return self._made[key]

    def in_window(self, window: Any, loop: bool = False) -> FrameCues:
        """The cues and priors of the frames in a context window of ComfyUI, one of a loop or not; all where None."""
        if window is None:
            return self
        frames = window.index_list
        keep = None if self.keep is None else self.keep[list(frames)]
        cues = (self.looped if loop else self.cues).select(frames)
        return replace(self, cues=cues, prior=prior_of_frames(self.prior, frames), keep=keep)

    @cached_property
    def looped(self) -> hg.Cues:
        """The cues for a loop; they are the same in every call of the denoiser."""
        return self.cues.looped()

    def sized(self, height: int, width: int) -> FrameCues:
        """These with the mask of the cues in the size of the latents."""
        return replace(self, cues=self.cues.sized(height, width))

    def cropped(self, top: int, left: int, height: int, width: int) -> FrameCues:
        """These in an area, in latent cells."""
        prior = self.prior[..., top : top + height, left : left + width]
        return replace(self, cues=self.cues.cropped(top, left, height, width), prior=prior)

    def fits(self, other: FrameCues) -> bool:
        """Whether `stack` takes both."""
        masks = [None if part.cues.mask is None else part.cues.mask.shape for part in (self, other)]
        return self.prior.shape == other.prior.shape and self.cues.frames == other.cues.frames and masks[0] == masks[1]

    def calibrated(self, info: hg.ModelInfo) -> FrameCues:
        """With the cues that make weights show these."""
        return replace(self, cues=hg.calibrate(self.cues, info))

    def conditions(self, info: hg.ModelInfo, window: Any, loop: bool, like: torch.Tensor) -> dict[str, torch.Tensor]:
        """Conditions of the denoiser in a context window, without the batch, on the device of `like`.

        A single frame, as in the last window of some schedules, has the prior alone, as in the spatial stage.
        """

        def make() -> dict[str, torch.Tensor]:
            part = self.in_window(window, loop).calibrated(info)
            prior = {"prior": part.prior_strength * part.prior.to(like)}
            if part.cues.frames == 1:
                return prior
            conditions = part.cues.conditions(*part.prior.shape[-2:], part.null_appearance)
            return prior | {name: value.to(like.device) for name, value in conditions.items()}

        return self.once((_frames_of(window), loop, like.device, like.dtype), make)

    @staticmethod
    def stack(conditions: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        """Those of a batch."""
        return {name: torch.stack([values[name] for values in conditions]) for name in conditions[0]}

    @property
    def changes_estimates(self) -> bool:
        return self.cues.still_outside or self.keep is not None

    def change_estimates(self, x0: torch.Tensor, window: Any = None) -> torch.Tensor:
        """Clean latents (f, 4, h, w) of a context window: still outside of a mask whose cues ask for that, and with the
        kept frames."""

        def make() -> tuple[torch.Tensor | None, ...]:
            part = self.in_window(window)
            mask = part.cues.sized(*x0.shape[2:]).mask if part.cues.still_outside else None
            kept = (None, None) if part.keep is None else (part.prior[None], part.keep)
            return tuple(value if value is None else value.to(x0.device) for value in (mask, *kept))

        mask, priors, keep = self.once(("estimates", _frames_of(window), x0.device), make)
        video = x0.transpose(0, 1)[None]  # 1 4 f h w
        video = video if mask is None else hold_still(video, mask)
        video = video if keep is None else keep_frames(video, priors, keep)
        return video[0].transpose(0, 1)


def _frames_of(window: Any) -> tuple[int, ...] | None:
    return None if window is None else tuple(window.index_list)
