"""The denoiser, one network for the spatial and the temporal stage (paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .config import UNetConfig
from .embedding import APPEARANCE_WIDTH, FrameEmbedding, TextResampler
from .layers import (
    Cond,
    ConditionedSequential,
    ConvIn,
    Downsample,
    Ops,
    SpatialResBlock,
    SpatialTransformer,
    Upsample,
    fast_layout,
    zero_module,
)
from .network import Network
from .temporal import ResBlock, TemporalConv, TemporalTransformer

SkipPatch = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes and returns the features of an upsampling layer and the skip connection that is concatenated to them."""


class UNet(Network):
    """Predicts the velocity v of noisy latents, given text, a spatial prior, and motion and appearance cues.

    In the spatial stage there is one frame, and the temporal layers are skipped.

    `ops` is where the layer classes come from: `torch.nn`, or the namespace of a host that casts and moves weights.
    """

    def __init__(self, config: UNetConfig, ops: Ops = nn):
        super().__init__()
        self.config = config
        widths = [config.dim * m for m in config.dim_mult]
        embed_dim = config.embed_dim
        self.embedding = FrameEmbedding(config.dim, embed_dim, ops)
        self.text_resampler = TextResampler(
            config.y_dim,
            embed_dim,
            config.context_dim,
            config.context_embedding_depth,
            config.num_tokens,
            config.head_dim,
            ops,
        )

        def attention(width: int) -> list[nn.Module]:
            return [
                SpatialTransformer(width, config.head_dim, config.context_dim, ops),
                TemporalTransformer(width, width // config.head_dim, config.head_dim, ops),
            ]

        width = config.dim
        first_attention = TemporalTransformer(width, config.num_heads, config.head_dim, ops)
        self.down = nn.ModuleList([ConditionedSequential([ConvIn(config.in_dim, width, ops), first_attention])])
        skips = [width]
        for level, level_width in enumerate(widths):
            has_attention = 0.5**level in config.attn_scales
            for _ in range(config.num_res_blocks):
                block = ResBlock(width, level_width, embed_dim, ops)
                self.down.append(ConditionedSequential([block, *(attention(level_width) if has_attention else [])]))
                width = level_width
                skips.append(width)
            if level < len(widths) - 1:
                self.down.append(ConditionedSequential([Downsample(width, ops)]))
                skips.append(width)
        self.middle = ConditionedSequential(
            [ResBlock(width, width, embed_dim, ops), *attention(width), ResBlock(width, width, embed_dim, ops)]
        )
        self.up = nn.ModuleList()
        for level, level_width in reversed(list(enumerate(widths))):
            has_attention = 0.5**level in config.attn_scales
            for i in range(config.num_res_blocks + 1):
                layers = [ResBlock(width + skips.pop(), level_width, embed_dim, ops)]
                layers += attention(level_width) if has_attention else []
                layers += [Upsample(level_width, ops)] if level > 0 and i == config.num_res_blocks else []
                self.up.append(ConditionedSequential(layers))
                width = level_width
        self.norm_out = ops.GroupNorm(32, width)
        self.conv_out = ops.Conv2d(width, config.out_dim, 3, padding=1)
        zero_module(self.conv_out)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        *,
        text: Tensor,
        prior: Tensor | None = None,
        motion: Tensor | None = None,
        appearance: Tensor | None = None,
        mask: Tensor | None = None,
        outside_motion: Tensor | None = None,
        outside_appearance: Tensor | None = None,
        chunk: int | None = None,
        skip_patches: Sequence[SkipPatch] = (),
    ) -> Tensor:
        """Predicts v = alpha eps - sigma x0 (Salimans and Ho 2022).

        All inputs are moved to the network's device, and all but t and motion cast to its dtype.

        Args:
            x: noisy latents (b, c, f, h, w).
            t: diffusion time steps 0..999, (b,).
            text: states of the text tower (b, l, y_dim).
            prior: latent of the spatial prior (b, c, h, w), or one a frame (b, f, c, h, w); None means zeros.
            motion: motion cues 0..1000, (b, f - 1) or (b, f); None means 0.
            appearance: appearance rows in 0..1, (b, f, 32); None means ones.
            mask: where motion and appearance hold, 0..1, (b, f, h, w); their embedding is blended with that of
                outside_motion and outside_appearance at each resolution of the network. None means everywhere.
            outside_motion, outside_appearance: as motion and appearance, for where the mask is 0.
            chunk: frames that a layer processes at a time; fewer need less memory and more time. None means all.
            skip_patches: change features (b f, c, h, w) where an upsampling layer reads a skip connection.

        Returns:
            v (b, c, f, h, w), in the dtype and on the device of x.

        Raises:
            ValueError: an input has a wrong shape, or `chunk` is below 1; the message names it.
        """
        b, c, f, h, w = self._check(x, text)
        motion = x.new_zeros(b, f) if motion is None else motion
        appearance = x.new_ones(b, f, APPEARANCE_WIDTH) if appearance is None else appearance
        prior = x.new_zeros(b, c, h, w) if prior is None else prior
        if prior.ndim == 4:
            _check_shape("prior", prior, (b, c, h, w))
            prior = prior[:, None]
        else:
            _check_shape("prior", prior, (b, f, c, h, w))
        _check_cues(motion, appearance, b, f)
        outside_motion = torch.zeros_like(motion) if outside_motion is None else outside_motion
        outside_appearance = torch.ones_like(appearance) if outside_appearance is None else outside_appearance
        if mask is not None:
            _check_shape("mask", mask, (b, f, h, w))
            _check_cues(outside_motion, outside_appearance, b, f, "outside_")
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk must be at least 1 frame, got {chunk}")
        dtype, device = x.dtype, x.device
        x = self.cast(x)

        def embedded(motion: Tensor, appearance: Tensor) -> Tensor:
            return self.embedding(t.to(x.device), motion.to(x.device), appearance.to(x))

        cond = Cond(
            emb=embedded(motion, appearance),
            context=self.text_resampler(text.to(x)),
            prior=prior.to(x),
            frames=f,
            chunk=chunk,
            hold=self.hold_weights,
        )
        if mask is not None:
            outside = embedded(outside_motion, outside_appearance)
            cond = replace(cond, mask=rearrange(mask.to(x), "b f h w -> (b f) 1 h w"), outside=outside)
        hidden = fast_layout(rearrange(x, "b c f h w -> (b f) c h w"))
        skips = []
        for layers in self.down:
            hidden = layers(hidden, cond)
            skips.append(hidden)
        hidden = self.middle(hidden, cond)
        for layers in self.up:
            skip = skips.pop()
            for patch in skip_patches:
                hidden, skip = patch(hidden, skip)
            hidden = layers(torch.cat([hidden, skip], dim=1), cond)
        v = self.conv_out(F.silu(self.norm_out(hidden)))
        return rearrange(v, "(b f) c h w -> b c f h w", f=f).contiguous().to(device, dtype)

    def hold_weights(self, layer: nn.Module) -> AbstractContextManager[Any]:
        """A context in which the weights of a layer are cast or moved at most once; see `Cond.hold`."""
        return nullcontext()

    def _check(self, x: Tensor, text: Tensor) -> torch.Size:
        if x.ndim != 5 or x.shape[1] != self.config.in_dim:
            raise ValueError(f"x must be (b, {self.config.in_dim}, f, h, w), got {tuple(x.shape)}")
        step = 2 ** (len(self.config.dim_mult) - 1)
        if x.shape[3] % step or x.shape[4] % step:
            raise ValueError(f"latent height and width must be multiples of {step}, got {x.shape[3]}x{x.shape[4]}")
        if text.ndim != 3 or len(text) != len(x) or text.shape[2] != self.config.y_dim:
            raise ValueError(
                f"text must be ({len(x)}, l, {self.config.y_dim}), got {tuple(text.shape)}: "
                "it has to come from the text encoder that these weights were trained with"
            )
        return x.shape


def _check_cues(motion: Tensor, appearance: Tensor, b: int, f: int, kind: str = "") -> None:
    _check_shape(f"{kind}appearance", appearance, (b, f, APPEARANCE_WIDTH))
    if motion.shape != (b, f):
        _check_shape(f"{kind}motion", motion, (b, f - 1))


def _check_shape(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {tuple(value.shape)}")


CHUNKED = (SpatialResBlock, SpatialTransformer, Upsample)
"""Layers that run on a chunk of the frames at a time. What runs on a chunk is compiled, not the loop over chunks."""


def compile_layers(unet: UNet, **options: Any) -> None:
    """Compiles the layers of a denoiser in place, when they first run; names of tensors stay the same.

    Layers of the same kind and size share their code, and the number of frames in a chunk may change, so that this
    takes a fraction of the time that compiling the whole network does. Results differ by rounding.

    Args:
        unet: a network with the layers of torch. A host with layers of its own has its own ways to compile.
        options: of `torch.compile`, such as mode="max-autotune-no-cudagraphs".
    """
    if "recompile_limit" in signature(torch.compile).parameters:  # without it, the ninth size and later ones stay as is
        options = {"recompile_limit": sum(1 for _ in unet.modules())} | options
    for layer in unet.modules():
        for kind in CHUNKED:
            if isinstance(layer, kind):
                layer.__dict__["compiled"] = torch.compile(partial(kind.forward.__wrapped__, layer), **options)
        if isinstance(layer, TemporalConv):
            layer.compile(**options)
        elif isinstance(layer, TemporalTransformer):
            layer.block.compile(**options)
    for block in unet.text_resampler.blocks:
        block.compile(**options)
