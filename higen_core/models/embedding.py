"""The embeddings of what the denoiser is given: time step and cues of each frame (paper, section 3.3), and the text."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from .layers import Ops, TransformerBlock

APPEARANCE_WIDTH = 32
"""Entries of an appearance row: similarities of a frame to 32 positions evenly spaced over the clip."""


def sinusoid(t: Tensor, width: int) -> Tensor:
    """Sinusoidal embedding (...) -> (..., width): `[cos, sin]` of t * 10000^(-k / half), k = 0 ... half - 1."""
    half = width // 2
    frequencies = torch.exp(-math.log(10_000) / half * torch.arange(half, device=t.device, dtype=torch.float32))
    angles = t.float()[..., None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class FrameEmbedding(nn.Module):
    """The sum of three MLPs: of the time step, of the motion cue and of the appearance row.

    Motion between the f frames has f - 1 values; their sinusoids are interpolated to f frames.
    """

    def __init__(self, dim: int, embed_dim: int, ops: Ops = nn):
        super().__init__()
        self.dim = dim
        self.time = _mlp(dim, embed_dim, ops)
        self.motion = _mlp(dim, embed_dim, ops)
        self.appearance = _mlp(APPEARANCE_WIDTH, embed_dim, ops)

    def forward(self, t: Tensor, motion: Tensor, appearance: Tensor) -> Tensor:
        """Embeds t (b,), motion (b, f - 1) or (b, f) and appearance (b, f, 32) -> (b f, embed_dim).

        The sinusoids are computed in float32, everything else in the dtype of `appearance`.
        """
        frames, dtype = appearance.shape[1], appearance.dtype
        time = self.time(sinusoid(t, self.dim).to(dtype))
        h = sinusoid(motion, self.dim)  # b f-1 c
        if motion.shape[1] != frames:
            h = F.interpolate(h.mT, size=frames, mode="linear").mT
        emb = self.motion(h.to(dtype)) + self.appearance(appearance)
        return rearrange(emb + repeat(time, "b c -> b f c", f=frames), "b f c -> (b f) c")


def _mlp(width: int, out: int, ops: Ops) -> nn.Sequential:
    return nn.Sequential(ops.Linear(width, out), nn.SiLU(), ops.Linear(out, out))


class TextResampler(nn.Module):
    """Resamples text states (b, 77, y_dim) to a fixed number of tokens (b, l, d), the context of spatial transformers.

    Learned queries cross-attend to the text, as in a perceiver resampler (Alayrac et al. 2022, section 2.1). Both
    attentions of a block attend to the text.
    """

    def __init__(self, y_dim: int, width: int, context_dim: int, depth: int, tokens: int, head_dim: int, ops: Ops = nn):
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(1, tokens, width) * width**-0.5)
        self.input_mapping = ops.Linear(y_dim, width)
        self.blocks = nn.ModuleList(
            TransformerBlock(width, width // head_dim, head_dim, (width, width), ops) for _ in range(depth)
        )
        self.output_mapping = ops.Linear(width, context_dim)

    def forward(self, text: Tensor) -> Tensor:
        text = self.input_mapping(text)
        h = self.tokens.to(text).expand(len(text), -1, -1)
        for block in self.blocks:
            h = block(h, text, text)
        return self.output_mapping(h)
