"""Clips that stand still for a while: they show that the cues, not the words, decide how much moves and changes.

A caption that tells of motion or change then comes with cues of none. No pixel has to be measured again: frames that
are only repeated have the cues of the frames that they repeat.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .data import Clips

TURNS = 2.5
"""Expected changes between moving and held in a clip."""


def retimed(clips: Clips, frozen: float, paused: float, generator: torch.Generator) -> Clips:
    """The same clips, of which a share `frozen` shows one frame only, and a share `paused` moves and holds in turn."""
    frames = clips.latents.shape[2]
    order = torch.stack([_order(frames, frozen, paused, generator) for _ in range(len(clips))])
    each = torch.arange(len(clips))
    return replace(
        clips,
        latents=clips.latents[each[:, None], :, order].movedim(2, 1),
        motion=clips.motion.gather(1, order[:, :-1].clamp(max=frames - 2)) * order.diff(dim=1),
        appearance=clips.appearance[each[:, None, None], order[:, :, None], order[:, None, :]],
    )


def _order(frames: int, frozen: float, paused: float, generator: torch.Generator) -> Tensor:
    """Which frame of the clip to show at each time (frames,); from one to the next it is the same or one later."""
    kind = torch.rand((), generator=generator)
    if kind < frozen:
        return torch.randint(frames, (1,), generator=generator).expand(frames)
    if kind >= frozen + paused:
        return torch.arange(frames)
    turns = torch.rand(frames - 1, generator=generator) < TURNS / frames
    moving = (turns.cumsum(0) + torch.randint(2, (1,), generator=generator)) % 2
    return torch.cat([torch.zeros(1, dtype=torch.long), moving.cumsum(0)])
