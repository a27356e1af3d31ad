"""Clips that stand still for all or some of their frames, so that the cues decide how much moves, not the caption.

A caption of motion or change then also comes with cues of none. No pixel has to be measured again: the cues of repeated
frames are those of the frames that they repeat.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .data.clips import Clips

SWITCHES = 2.5
"""Expected number of switches between moving and pausing in a clip."""


def repeat_frames(clips: Clips, static_clip_prob: float, pause_prob: float, generator: torch.Generator) -> Clips:
    """The same clips, each with probability `static_clip_prob` as one repeated frame, with `pause_prob` with pauses."""
    frames = clips.latents.shape[2]
    order = torch.stack([_order(frames, static_clip_prob, pause_prob, generator) for _ in range(len(clips))])
    rows = torch.arange(len(clips))
    return replace(
        clips,
        mask=None if clips.mask is None else clips.mask[rows[:, None], order],
        latents=clips.latents[rows[:, None], :, order].movedim(2, 1),
        motion=clips.motion.gather(1, order[:, :-1].clamp(max=frames - 2)) * order.diff(dim=1),
        appearance=clips.appearance[rows[:, None, None], order[:, :, None], order[:, None, :]],
    )


def _order(frames: int, static_clip_prob: float, pause_prob: float, generator: torch.Generator) -> Tensor:
    """The index of the clip's frame to show at each time (frames,); each is the one before it or the next."""
    u = torch.rand((), generator=generator)
    if u < static_clip_prob:
        return torch.randint(frames, (1,), generator=generator).expand(frames)
    if u >= static_clip_prob + pause_prob:
        return torch.arange(frames)
    switches = torch.rand(frames - 1, generator=generator) < SWITCHES / frames
    moving = (switches.cumsum(0) + torch.randint(2, (1,), generator=generator)) % 2
    return torch.cat([torch.zeros(1, dtype=torch.long), moving.cumsum(0)])
