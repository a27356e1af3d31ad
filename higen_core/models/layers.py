"""Spatial layers of the denoiser.

Every layer is called as `layer(x, cond)`; the batch dimension of x holds all frames of all videos.

Shapes: b videos, f frames, c channels, height h and width w, n = h w positions, l text tokens of width d.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial, wraps
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

Ops = Any
"""Where a network takes its layer classes from: `torch.nn`, or the namespace of a host with the same names, whose
layers cast their weights when they run."""


@dataclass(frozen=True)
class Cond:
    """The conditions that are passed to every layer along with x (b f, c, h, w).

    Attributes:
        emb: embedding of time step, motion and appearance of each frame, (b f, e).
        context: text tokens (b, l, d).
        prior: spatial priors (b, f, c, h, w), or (b, 1, c, h, w) for all frames.
        frames: f.
        chunk: frames that a layer processes at a time, to save memory; None means all.
        mask: where `emb` holds, 0..1, (b f, 1, h, w); None means everywhere.
        outside: the embedding that holds elsewhere, as `emb`; None without a mask.
        hold: called with a layer before its chunks; while the context is open, weights that a host casts or moves are
            kept, so that this happens once for all chunks.
    """

    emb: Tensor
    context: Tensor
    prior: Tensor
    frames: int
    chunk: int | None = None
    mask: Tensor | None = None
    outside: Tensor | None = None
    hold: Callable[[nn.Module], AbstractContextManager[Any]] = nullcontext

    def embedded(self, layer: Callable[[Tensor], Tensor], size: tuple[int, int]) -> Tensor:
        """`layer` of the embedding of each frame, to be added to features of height and width `size`.

        (b f, c, 1, 1), or (b f, c, h, w) with a mask. Where the mask is 1, lerp gives the embedding inside to the bit.
        """
        inside = layer(F.silu(self.emb))[:, :, None, None]
        if self.mask is None or self.outside is None:
            return inside
        outside = layer(F.silu(self.outside))[:, :, None, None]
        return torch.lerp(outside, inside, F.interpolate(self.mask, size, mode="area"))

    def frame_chunks(self) -> Iterator[Cond]:
        """The conditions of `chunk` frames of each video at a time."""
        names = ("emb", "mask", "outside")
        tensors = {name: value for name in names if (value := getattr(self, name)) is not None}
        for first in range(0, self.frames, self.chunk or self.frames):
            last = min(first + (self.chunk or self.frames), self.frames)
            parts = {n: t.unflatten(0, (-1, self.frames))[:, first:last].flatten(0, 1) for n, t in tensors.items()}
            yield replace(self, **parts, frames=last - first, chunk=None)

    def chunk_rows(self, rows: int) -> int:
        """Rows to process at a time if `rows` rows hold all frames: the fraction chunk / frames of them, at least 1."""
        return rows if self.chunk is None else max(rows * self.chunk // self.frames, 1)


def frame_chunked(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Makes a layer process `cond.chunk` frames of each video at a time.

    Spatial layers treat every frame by itself, so the result is the same. A `compiled` attribute of a layer takes the
    place of what runs on each chunk; see `compile_layers`.
    """

    @wraps(forward)
    def run(self: nn.Module, x: Tensor, cond: Cond) -> Tensor:
        run_chunk = self.__dict__.get("compiled") or partial(forward, self)
        if cond.chunk is None or cond.chunk >= cond.frames:
            return run_chunk(x, cond)
        x_chunks = x.unflatten(0, (-1, cond.frames)).split(cond.chunk, dim=1)  # b chunk ...
        with cond.hold(self):
            out = [
                run_chunk(x_chunk.flatten(0, 1), chunk).unflatten(0, (-1, chunk.frames))
                for x_chunk, chunk in zip(x_chunks, cond.frame_chunks(), strict=True)
            ]
        return torch.cat(out, dim=1).flatten(0, 1)

    return run


def map_chunks(
    layer: Callable[[Tensor], Tensor], x: Tensor, size: int, dim: int, hold: AbstractContextManager[Any]
) -> Tensor:
    """Applies a layer to `size` entries of x along `dim` at a time, within `hold` if there are several chunks."""
    if size >= x.shape[dim]:
        return layer(x)
    with hold:
        return torch.cat([layer(chunk) for chunk in x.split(size, dim)], dim)


def fast_layout(x: Tensor) -> Tensor:
    """Images (b, c, h, w) in the memory format in which a CPU convolves them fastest without gradients.

    With the channels last, convolutions over frames need no copies and take half of the time, and transformers read
    their tokens where they are. Elsewhere it stays as it is: torch's norms on GPUs would copy it back.
    """
    last = x.device.type == "cpu" and not torch.is_grad_enabled()
    return x.contiguous(memory_format=torch.channels_last) if last else x


def zero_module(module: nn.Module) -> None:
    """Sets all parameters to zero: an untrained residual branch that ends in this module adds nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)


class ConditionedSequential(nn.ModuleList):
    """Layers that run one after another, all with the same conditions."""

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        for layer in self:
            x = layer(x, cond)
        return x


class ConvIn(nn.Module):
    """A convolution of the noisy latents, plus one of the spatial prior, added to every frame (paper, section 3.2).

    With a prior a frame, each frame gets the convolution of its own.
    """

    def __init__(self, channels: int, width: int, ops: Ops = nn):
        super().__init__()
        self.conv = ops.Conv2d(channels, width, 3, padding=1)
        self.prior = ops.Conv2d(channels, width, 3, padding=1)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        h = rearrange(self.conv(x), "(b f) c h w -> b f c h w", f=cond.frames)
        prior = self.prior(cond.prior.flatten(0, 1)).unflatten(0, cond.prior.shape[:2])  # b f c h w
        return rearrange(h + prior, "b f c h w -> (b f) c h w")


class SpatialResBlock(nn.Module):
    """Two 3x3 convolutions with the per-frame embedding added in between, and a residual connection around them.

    With a mask, the embedding of what is inside and that of what is outside are blended at each position.
    """

    def __init__(self, in_width: int, out_width: int, embed_dim: int, ops: Ops = nn):
        super().__init__()
        self.in_norm = ops.GroupNorm(32, in_width)
        self.in_conv = ops.Conv2d(in_width, out_width, 3, padding=1)
        self.emb = ops.Linear(embed_dim, out_width)
        self.out_norm = ops.GroupNorm(32, out_width)
        self.out_conv = ops.Conv2d(out_width, out_width, 3, padding=1)
        self.skip = ops.Conv2d(in_width, out_width, 1) if in_width != out_width else nn.Identity()
        zero_module(self.out_conv)

    @frame_chunked
    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        h = self.in_conv(F.silu(self.in_norm(x)))
        h = h + cond.embedded(self.emb, h.shape[2:])
        return self.skip(x) + self.out_conv(F.silu(self.out_norm(h)))


class Downsample(nn.Module):
    """Halves height and width with a convolution of stride 2."""

    def __init__(self, width: int, ops: Ops = nn):
        super().__init__()
        self.conv = ops.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        return self.conv(x)


class Upsample(nn.Module):
    """Doubles height and width, followed by a convolution."""

    def __init__(self, width: int, ops: Ops = nn):
        super().__init__()
        self.conv = ops.Conv2d(width, width, 3, padding=1)

    @frame_chunked
    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of heads (b, h, n, d) to (b, h, l, d), on a CPU in the form that is faster in bf16.

    torch's fused kernel converts each block to fp32. As two products of matrices, attention to few frames or to text
    tokens takes half of the time; more tokens would need more memory, and those in between are no faster.
    """
    keys = k.shape[2]
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and (keys <= 16 or 64 <= keys <= 512):
        scores = torch.matmul(q * q.shape[-1] ** -0.5, k.mT)
        return torch.matmul(scores.softmax(dim=-1), v)
    return F.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    """Multi-head attention from x (b, n, c) to `source` (b, l, d), by default x itself."""

    def __init__(self, width: int, heads: int, head_dim: int, source_width: int | None = None, ops: Ops = nn):
        super().__init__()
        inner = heads * head_dim
        self.heads = heads
        self.q = ops.Linear(width, inner, bias=False)
        self.k = ops.Linear(source_width or width, inner, bias=False)
        self.v = ops.Linear(source_width or width, inner, bias=False)
        self.out = ops.Linear(inner, width)

    def forward(self, x: Tensor, source: Tensor | None = None) -> Tensor:
        source = x if source is None else source
        q, k, v = (
            rearrange(layer(tokens), "b n (h d) -> b h n d", h=self.heads)
            for layer, tokens in ((self.q, x), (self.k, source), (self.v, source))
        )
        return self.out(rearrange(attend(q, k, v), "b h n d -> b n (h d)"))


class FeedForward(nn.Module):
    """GEGLU (Shazeer 2020) with a hidden width of four times the input's."""

    def __init__(self, width: int, ops: Ops = nn):
        super().__init__()
        self.gate = ops.Linear(width, 8 * width)
        self.out = ops.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        h, gate = self.gate(x).chunk(2, dim=-1)
        gate = F.gelu(gate)
        return self.out(h * gate if torch.is_grad_enabled() else gate.mul_(h))


class TransformerBlock(nn.Module):
    """Two attentions and a feed-forward layer, each with a residual connection.

    `source_widths`: widths of what the two attentions attend to; None means self-attention. `attention` is the class of
    both; x and `source` have the shapes that it takes.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        head_dim: int,
        source_widths: tuple[int | None, int | None] = (None, None),
        ops: Ops = nn,
        attention: type[Attention] = Attention,
    ):
        super().__init__()
        self.norm1 = ops.LayerNorm(width)
        self.attn1 = attention(width, heads, head_dim, source_widths[0], ops)
        self.norm2 = ops.LayerNorm(width)
        self.attn2 = attention(width, heads, head_dim, source_widths[1], ops)
        self.norm3 = ops.LayerNorm(width)
        self.ff = FeedForward(width, ops)

    def forward(self, x: Tensor, source1: Tensor | None = None, source2: Tensor | None = None) -> Tensor:
        x = x + self.attn1(self.norm1(x), source1)
        x = x + self.attn2(self.norm2(x), source2)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    """Self-attention over the positions of each frame, then cross-attention to the text tokens."""

    def __init__(self, width: int, head_dim: int, context_dim: int, ops: Ops = nn):
        super().__init__()
        self.norm = ops.GroupNorm(32, width, eps=1e-6)
        self.proj_in = ops.Linear(width, width)
        self.block = TransformerBlock(width, width // head_dim, head_dim, (None, context_dim), ops)
        self.proj_out = ops.Linear(width, width)
        zero_module(self.proj_out)

    @frame_chunked
    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        block, height = self.block, x.shape[2]
        h = self.proj_in(rearrange(self.norm(x), "b c h w -> b (h w) c"))
        h = h + block.attn1(block.norm1(h))
        h = rearrange(h, "(b f) n c -> b (f n) c", f=cond.frames)  # so that text keys are computed once a video
        h = h + block.attn2(block.norm2(h), cond.context)
        h = self.proj_out(h + block.ff(block.norm3(h)))
        return x + rearrange(h, "b (f h w) c -> (b f) c h w", f=cond.frames, h=height)
