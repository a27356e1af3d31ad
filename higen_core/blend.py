"""Mixing cues: motion from here, appearance from there, each as strongly as wanted."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .cues import Cues


def resample_cues(cues: Cues, frames: int) -> Cues:
    """The same cues over another number of frames: curves are stretched in time and keep their heights."""
    if frames < 2:
        raise ValueError(f"cues need at least 2 frames, got {frames}")
    if frames == cues.frames:
        return cues
    motion = F.interpolate(cues.motion[None, None].double(), size=frames - 1, mode="linear")[0, 0]
    square = cues.appearance[None, None].float()
    appearance = F.interpolate(square, size=(frames, frames), mode="bilinear", align_corners=True)[0, 0]
    return Cues(motion.round().long(), appearance.fill_diagonal_(1).clamp(0, 1))


def blend_cues(
    cues: Cues,
    motion_from: Cues | None = None,
    appearance_from: Cues | None = None,
    *,
    motion_strength: float = 1.0,
    appearance_strength: float = 1.0,
) -> Cues:
    """`cues` with each cue drawn towards that of other cues, of any length: strength 0 keeps it, 1 replaces it."""
    motion, appearance = cues.motion, cues.appearance
    if motion_from is not None:
        other = resample_cues(motion_from, cues.frames).motion
        motion = torch.lerp(motion.double(), other.double(), _share("motion_strength", motion_strength)).round().long()
    if appearance_from is not None:
        other = resample_cues(appearance_from, cues.frames).appearance
        appearance = torch.lerp(appearance, other, _share("appearance_strength", appearance_strength))
    return Cues(motion, appearance)


def _share(name: str, strength: float) -> float:
    if not 0 <= strength <= 1:
        raise ValueError(f"{name} must be between 0 and 1, got {strength}")
    return strength
