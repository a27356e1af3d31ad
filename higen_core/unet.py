"""The denoiser: one network for both stages (paper, section 3.2)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .config import UNetConfig
from .embedding import APPEARANCE_WIDTH, FrameEmbedding
from .layers import Cond, Downsample, Layers, SpatialTransformer, Stem, TextTokens, Upsample, silence
from .temporal import ResBlock, TemporalTransformer


class UNet(nn.Module):
    """Predicts v from noisy latents, text, a spatial prior and two cues.

    With one frame the temporal layers are skipped: that is the spatial stage.
    """

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.config = config
        self.info: dict[str, Any] = {}
        widths = [config.dim * m for m in config.dim_mult]
        embed_dim = config.embed_dim
        self.embedding = FrameEmbedding(config.dim, embed_dim)
        self.text_tokens = TextTokens(
            config.y_dim,
            embed_dim,
            config.context_dim,
            config.context_embedding_depth,
            config.num_tokens,
            config.head_dim,
        )

        def attention(width: int) -> list[nn.Module]:
            return [
                SpatialTransformer(width, config.head_dim, config.context_dim),
                TemporalTransformer(width, width // config.head_dim, config.head_dim),
            ]

        width = config.dim
        stem_attention = TemporalTransformer(width, config.num_heads, config.head_dim)
        self.down = nn.ModuleList([Layers([Stem(config.in_dim, width), stem_attention])])
        skips = [width]
        for level, after in enumerate(widths):
            has_attention = 0.5**level in config.attn_scales
            for _ in range(config.num_res_blocks):
                block = ResBlock(width, after, embed_dim)
                self.down.append(Layers([block, *(attention(after) if has_attention else [])]))
                width = after
                skips.append(width)
            if level < len(widths) - 1:
                self.down.append(Layers([Downsample(width)]))
                skips.append(width)
        self.middle = Layers([ResBlock(width, width, embed_dim), *attention(width), ResBlock(width, width, embed_dim)])
        self.up = nn.ModuleList()
        for level, after in reversed(list(enumerate(widths))):
            has_attention = 0.5**level in config.attn_scales
            for i in range(config.num_res_blocks + 1):
                layers = [ResBlock(width + skips.pop(), after, embed_dim)]
                layers += attention(after) if has_attention else []
                layers += [Upsample(after)] if level > 0 and i == config.num_res_blocks else []
                self.up.append(Layers(layers))
                width = after
        self.norm_out = nn.GroupNorm(32, width)
        self.conv_out = nn.Conv2d(width, config.out_dim, 3, padding=1)
        silence(self.conv_out)

    @property
    def dtype(self) -> torch.dtype:
        return self.conv_out.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.conv_out.weight.device

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        *,
        text: Tensor,
        prior: Tensor | None = None,
        motion: Tensor | None = None,
        appearance: Tensor | None = None,
        chunk: int | None = None,
    ) -> Tensor:
        """Velocity of x.

        Args:
            x: noisy latents (b, c, f, h, w).
            t: time steps 0..999, (b,).
            text: states of the text tower (b, l, y_dim).
            prior: latent of the spatial prior (b, c, h, w); none means zeros.
            motion: motion cues 0..1000, (b, f - 1) or (b, f); none means 0.
            appearance: similarity rows (b, f, 32); none means ones.
            chunk: frames that a layer works on at a time: fewer take less memory and more time; none means all.

        Returns:
            (b, c, f, h, w), in the dtype of x.
        """
        b, c, f, h, w = self._check(x, text)
        motion = x.new_zeros(b, f) if motion is None else motion
        appearance = x.new_ones(b, f, APPEARANCE_WIDTH) if appearance is None else appearance
        prior = x.new_zeros(b, c, h, w) if prior is None else prior
        _check_shape("prior", prior, (b, c, h, w))
        _check_shape("appearance", appearance, (b, f, APPEARANCE_WIDTH))
        if motion.shape != (b, f):
            _check_shape("motion", motion, (b, f - 1))
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk must be at least 1 frame, got {chunk}")
        cond = Cond(
            emb=self.embedding(t, motion, appearance),
            context=self.text_tokens(text.to(self.dtype)),
            prior=prior.to(self.dtype),
            frames=f,
            chunk=chunk,
        )
        hidden = rearrange(x.to(self.dtype), "b c f h w -> (b f) c h w")
        skips = []
        for layers in self.down:
            hidden = layers(hidden, cond)
            skips.append(hidden)
        hidden = self.middle(hidden, cond)
        for layers in self.up:
            hidden = layers(torch.cat([hidden, skips.pop()], dim=1), cond)
        v = self.conv_out(F.silu(self.norm_out(hidden)))
        return rearrange(v, "(b f) c h w -> b c f h w", f=f).to(x.dtype)

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


def _check_shape(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {tuple(value.shape)}")
