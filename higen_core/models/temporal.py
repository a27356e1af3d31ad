"""Temporal layers of the denoiser. They return a single frame unchanged (paper, section 3.2: spatial stage)."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .layers import Attention, Cond, Ops, SpatialResBlock, TransformerBlock, attend, map_chunks, zero_module


@cache
def conv_over_frames(conv3d: type[Any]) -> type[Any]:
    """A 3D convolution with a kernel of (k, 1, 1) that takes (b, c, f, n), all positions n in one axis.

    Its weight has the layout of the released file; as a 2D convolution of a view of it, it is up to twice as fast.
    """

    class ConvOverFrames(conv3d):
        def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None, *_: Any, **__: Any) -> Tensor:
            return F.conv2d(input, weight.flatten(3), bias, padding=self.padding[:2])

    return ConvOverFrames


@cache
def linear_conv(conv1d: type[Any]) -> type[Any]:
    """A 1D convolution with a kernel of 1 that is a linear layer over the last axis, with the weight of the file."""

    class LinearConv(conv1d):
        def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None, *_: Any, **__: Any) -> Tensor:
            return F.linear(input, weight.flatten(1), bias)

    return LinearConv


class FrameAttention(Attention):
    """Multi-head self-attention of each position over the frames of x (b, f, n, c).

    Only the heads are permuted, as views: all other layers keep the order of the frames in memory.
    """

    def forward(self, x: Tensor, source: Tensor | None = None) -> Tensor:
        q, k, v = (rearrange(layer(x), "b f n (h d) -> b n h f d", h=self.heads) for layer in (self.q, self.k, self.v))
        videos = [attend(*video) for video in zip(q, k, v, strict=True)]
        return self.out(rearrange(videos, "b n h f d -> b f n (h d)"))


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
        conv = conv_over_frames(ops.Conv3d)
        self.norms = nn.ModuleList(ops.GroupNorm(32, width) for _ in range(depth))
        self.convs = nn.ModuleList(conv(width, width, (3, 1, 1), padding=(1, 0, 0)) for _ in range(depth))
        zero_module(self.convs[-1])

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        if cond.frames == 1:
            return x
        h = rearrange(x, "(b f) c h w -> b c f (h w)", f=cond.frames)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = conv(F.silu(norm(h)))
        return x + rearrange(h, "b c f (h w) -> (b f) c h w", h=x.shape[2])


class TemporalTransformer(nn.Module):
    """Self-attention over the frames of each position."""

    def __init__(self, width: int, heads: int, head_dim: int, ops: Ops = nn):
        super().__init__()
        inner = heads * head_dim
        self.norm = ops.GroupNorm(32, width, eps=1e-6)
        self.proj_in = linear_conv(ops.Conv1d)(width, inner, 1)
        self.block = TransformerBlock(inner, heads, head_dim, ops=ops, attention=FrameAttention)
        self.proj_out = linear_conv(ops.Conv1d)(inner, width, 1)
        zero_module(self.proj_out)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        if cond.frames == 1:
            return x
        h = self.norm(rearrange(x, "(b f) c h w -> b c f (h w)", f=cond.frames))
        h = rearrange(h, "b c f n -> b f n c")

        def layer(tokens: Tensor) -> Tensor:
            return self.proj_out(self.block(self.proj_in(tokens)))

        h = map_chunks(layer, h, cond.chunk_rows(h.shape[2]), dim=2, hold=cond.hold(self))
        return x + rearrange(h, "b f (h w) c -> (b f) c h w", h=x.shape[2])
