"""Numbers to vectors: the time step and the two cues, one vector a frame (paper, section 3.3)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

APPEARANCE_WIDTH = 32  # entries of an appearance row: similarities to 32 positions spread over the clip


def sinusoid(t: Tensor, width: int) -> Tensor:
    """`[cos, sin]` of t * 10000^(-k / half), k = 0 ... half - 1: (...) -> (..., width)."""
    half = width // 2
    frequencies = torch.exp(-math.log(10_000) / half * torch.arange(half, device=t.device, dtype=torch.float32))
    angles = t.float()[..., None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class FrameEmbedding(nn.Module):
    """Time + motion + appearance -> one vector per frame."""

    def __init__(self, dim: int, embed_dim: int):
        super().__init__()
        self.dim = dim
        self.time = _mlp(dim, embed_dim)
        self.motion = _mlp(dim, embed_dim)
        self.appearance = _mlp(APPEARANCE_WIDTH, embed_dim)

    def forward(self, t: Tensor, motion: Tensor, appearance: Tensor) -> Tensor:
        """t (b,), motion (b, f - 1) or (b, f), appearance (b, f, 32) -> (b f, embed_dim)."""
        frames = appearance.shape[1]
        dtype = next(self.parameters()).dtype
        time = self.time(sinusoid(t, self.dim).to(dtype))
        h = sinusoid(motion, self.dim)  # b f-1 c
        if motion.shape[1] != frames:
            h = F.interpolate(h.mT, size=frames, mode="linear").mT
        emb = self.motion(h.to(dtype)) + self.appearance(appearance.to(dtype))
        return rearrange(emb + repeat(time, "b c -> b f c", f=frames), "b f c -> (b f) c")


def _mlp(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, out), nn.SiLU(), nn.Linear(out, out))
