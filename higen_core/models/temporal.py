"""Temporal layers of the denoiser. They return a single frame unchanged (paper, section 3.2: spatial stage)."""

from __future__ import annotations

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .layers import Cond, Ops, SpatialResBlock, TransformerBlock, map_chunks, zero_module


class ResBlock(SpatialResBlock):
    """A spatial residual block followed by a temporal one."""

    def __init__(self, in_width: int, out_width: int, embed_dim: int, ops: Ops = nn):
        super().__init__(in_width, out_width, embed_dim, ops)
        self.temporal = TemporalConv(out_width, ops=ops)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        return self.temporal(super().forward(x, cond), cond)


class TemporalConv(nn.Module):
    """Four convolutions over the frames of each position, with one residual connection around all of them."""

    def __init__(self, width: int, depth: int = 4, ops: Ops = nn):
        super().__init__()
        self.norms = nn.ModuleList(ops.GroupNorm(32, width) for _ in range(depth))
        self.convs = nn.ModuleList(ops.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0)) for _ in range(depth))
        zero_module(self.convs[-1])

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        if cond.frames == 1:
            return x
        h = rearrange(x, "(b f) c h w -> b c f h w", f=cond.frames)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = conv(F.silu(norm(h)))
        return x + rearrange(h, "b c f h w -> (b f) c h w")


class TemporalTransformer(nn.Module):
    """Self-attention over the frames of each position."""

    def __init__(self, width: int, heads: int, head_dim: int, ops: Ops = nn):
        super().__init__()
        inner = heads * head_dim
        self.norm = ops.GroupNorm(32, width, eps=1e-6)
        self.proj_in = ops.Conv1d(width, inner, 1)
        self.block = TransformerBlock(inner, heads, head_dim, ops=ops)
        self.proj_out = ops.Conv1d(inner, width, 1)
        zero_module(self.proj_out)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        if cond.frames == 1:
            return x
        height, width = x.shape[2:]
        h = self.norm(rearrange(x, "(b f) c h w -> b c f h w", f=cond.frames))
        h = rearrange(h, "b c f h w -> (b h w) c f")
        h = map_chunks(lambda rows: self.proj_out(self.block(self.proj_in(rows).mT).mT), h, cond.chunk_rows(len(h)))
        return x + rearrange(h, "(b h w) c f -> (b f) c h w", h=height, w=width)
