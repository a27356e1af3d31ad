"""Spatial layers of the denoiser: every layer is called as `layer(x, cond)` with frames folded into the batch.

Shapes: b videos, f frames, c channels, h and w positions, n = h w tokens, l text tokens, d their width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


@dataclass(frozen=True)
class Cond:
    """What travels with x through the network."""

    emb: Tensor  # (b f, e) time, motion and appearance of each frame
    context: Tensor  # (b, l, d) text tokens
    prior: Tensor  # (b, c, h, w) spatial prior
    frames: int
    chunk: int | None = None  # frames that a layer works on at a time, to save memory; None means all

    def share(self, rows: int) -> int:
        """How many of `rows` that stand for all frames are in a chunk."""
        return rows if self.chunk is None else max(rows * self.chunk // self.frames, 1)


def by_frames(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Runs a spatial layer on `cond.chunk` frames of each video at a time. Frames do not meet in it, so it is exact."""

    @wraps(forward)
    def run(self: nn.Module, x: Tensor, cond: Cond) -> Tensor:
        if cond.chunk is None or cond.chunk >= cond.frames:
            return forward(self, x, cond)
        h, emb = (t.unflatten(0, (-1, cond.frames)).split(cond.chunk, dim=1) for t in (x, cond.emb))
        parts = []
        for part, part_emb in zip(h, emb, strict=True):
            frames = part.shape[1]
            part_cond = replace(cond, emb=part_emb.flatten(0, 1), frames=frames, chunk=None)
            parts.append(forward(self, part.flatten(0, 1), part_cond).unflatten(0, (-1, frames)))
        return torch.cat(parts, dim=1).flatten(0, 1)

    return run


def in_parts(layer: Callable[[Tensor], Tensor], x: Tensor, rows: int) -> Tensor:
    """`layer` on `rows` of x at a time."""
    return layer(x) if rows >= len(x) else torch.cat([layer(part) for part in x.split(rows)])


def silence(layer: nn.Module) -> None:
    """A fresh layer that ends a residual branch says nothing at first."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class Layers(nn.ModuleList):
    """Layers one after another."""

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        for layer in self:
            x = layer(x, cond)
        return x


class Stem(nn.Module):
    """Noisy latents plus, in every frame, the spatial prior (paper, section 3.2)."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1)
        self.prior = nn.Conv2d(channels, width, 3, padding=1)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        h = rearrange(self.conv(x), "(b f) c h w -> b f c h w", f=cond.frames)
        return rearrange(h + self.prior(cond.prior)[:, None], "b f c h w -> (b f) c h w")


class SpatialResBlock(nn.Module):
    """Two 3x3 convolutions; the per-frame embedding is added between them."""

    def __init__(self, before: int, width: int, embed_dim: int):
        super().__init__()
        self.in_norm = nn.GroupNorm(32, before)
        self.in_conv = nn.Conv2d(before, width, 3, padding=1)
        self.emb = nn.Linear(embed_dim, width)
        self.out_norm = nn.GroupNorm(32, width)
        self.out_conv = nn.Conv2d(width, width, 3, padding=1)
        self.skip = nn.Conv2d(before, width, 1) if before != width else nn.Identity()
        silence(self.out_conv)

    @by_frames
    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        h = self.in_conv(F.silu(self.in_norm(x)))
        h = h + self.emb(F.silu(cond.emb))[:, :, None, None]
        return self.skip(x) + self.out_conv(F.silu(self.out_norm(h)))


class Downsample(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        return self.conv(x)


class Upsample(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    @by_frames
    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Attention(nn.Module):
    """Multi-head attention from x (b, n, c) to `source` (b, l, d), by default x itself."""

    def __init__(self, width: int, heads: int, head_dim: int, source_width: int | None = None):
        super().__init__()
        inner = heads * head_dim
        self.heads = heads
        self.q = nn.Linear(width, inner, bias=False)
        self.k = nn.Linear(source_width or width, inner, bias=False)
        self.v = nn.Linear(source_width or width, inner, bias=False)
        self.out = nn.Linear(inner, width)

    def forward(self, x: Tensor, source: Tensor | None = None) -> Tensor:
        source = x if source is None else source
        q, k, v = (
            rearrange(layer(tokens), "b n (h d) -> b h n d", h=self.heads)
            for layer, tokens in ((self.q, x), (self.k, source), (self.v, source))
        )
        return self.out(rearrange(F.scaled_dot_product_attention(q, k, v), "b h n d -> b n (h d)"))


class FeedForward(nn.Module):
    """GEGLU (Shazeer 2020) of four times the width."""

    def __init__(self, width: int):
        super().__init__()
        self.gate = nn.Linear(width, 8 * width)
        self.out = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        h, gate = self.gate(x).chunk(2, dim=-1)
        return self.out(h * F.gelu(gate))


class TransformerBlock(nn.Module):
    """Two attentions and a feed-forward. `sources` says what each attention reads: None is x itself."""

    def __init__(self, width: int, heads: int, head_dim: int, sources: tuple[int | None, int | None] = (None, None)):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, heads, head_dim, sources[0])
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, heads, head_dim, sources[1])
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, source1: Tensor | None = None, source2: Tensor | None = None) -> Tensor:
        x = x + self.attn1(self.norm1(x), source1)
        x = x + self.attn2(self.norm2(x), source2)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    """Self-attention over the positions of each frame, then attention to the text."""

    def __init__(self, width: int, head_dim: int, context_dim: int):
        super().__init__()
        self.norm = nn.GroupNorm(32, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.block = TransformerBlock(width, width // head_dim, head_dim, sources=(None, context_dim))
        self.proj_out = nn.Linear(width, width)
        silence(self.proj_out)

    @by_frames
    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        block, height = self.block, x.shape[2]
        h = self.proj_in(rearrange(self.norm(x), "b c h w -> b (h w) c"))
        h = h + block.attn1(block.norm1(h))
        h = rearrange(h, "(b f) n c -> b (f n) c", f=cond.frames)  # a video's frames share their text keys and values
        h = h + block.attn2(block.norm2(h), cond.context)
        h = self.proj_out(h + block.ff(block.norm3(h)))
        return x + rearrange(h, "b (f h w) c -> (b f) c h w", f=cond.frames, h=height)


class TextTokens(nn.Module):
    """Learned queries that read the text: (b, 77, y) states -> (b, l, d) context for every spatial transformer."""

    def __init__(self, y_dim: int, width: int, context_dim: int, depth: int, tokens: int, head_dim: int):
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(1, tokens, width) * width**-0.5)
        self.input_mapping = nn.Linear(y_dim, width)
        self.blocks = nn.ModuleList(
            TransformerBlock(width, width // head_dim, head_dim, sources=(width, width)) for _ in range(depth)
        )
        self.output_mapping = nn.Linear(width, context_dim)

    def forward(self, text: Tensor) -> Tensor:
        text = self.input_mapping(text)
        h = self.tokens.expand(len(text), -1, -1)
        for block in self.blocks:
            h = block(h, text, text)
        return self.output_mapping(h)
