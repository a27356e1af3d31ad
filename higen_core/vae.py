"""Stable Diffusion's `AutoencoderKL` (Rombach et al. 2022, section 3.1): pictures to latents 8 times smaller, and back.

Module names are those of the released checkpoints, so its keys need no renaming.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .config import VAEConfig
from .memory import decode_activations, free_memory, plan_decoding

LATENT_SCALE = 0.18215  # latents leave the autoencoder multiplied by this, which gives them unit variance


class VAE(nn.Module):
    """Pictures are (b, 3, h, w) in [-1, 1]; latents are (b, 4, h/8, w/8), multiplied by `LATENT_SCALE`."""

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * config.z_channels, 2 * config.z_channels, 1)
        self.post_quant_conv = nn.Conv2d(config.z_channels, config.z_channels, 1)

    @property
    def downscale(self) -> int:
        return 2 ** (len(self.config.ch_mult) - 1)

    def moments(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the unscaled latent of a picture."""
        height, width = image.shape[-2:]
        if height % self.downscale or width % self.downscale:
            raise ValueError(f"picture size must be a multiple of {self.downscale}, got {width}x{height}")
        mean, logvar = self.quant_conv(self.encoder(image)).chunk(2, dim=1)
        return mean, logvar.clamp(-30.0, 20.0)

    def encode(self, image: Tensor) -> Tensor:
        """The most likely latent of a picture."""
        return self.moments(image)[0] * LATENT_SCALE

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(self.post_quant_conv(latent / LATENT_SCALE))

    def decode_video(self, latents: Tensor, chunk: int | None = None) -> Tensor:
        """Latents (b, c, f, h, w) -> frames (b, f, h, w, 3) in [0, 1], `chunk` pictures at a time.

        Without `chunk` as many as fit into the free memory of the device; see `plan_decoding`.
        """
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk must be at least 1 frame, got {chunk}")
        pictures = rearrange(latents, "b c f h w -> (b f) c h w")
        if chunk is None:
            height, width = latents.shape[3:]
            each = decode_activations(self.config, height, width, latents.dtype)
            chunk = plan_decoding(len(pictures), each, free_memory(latents.device)).chunk
        frames = torch.cat([(self.decode(part) / 2 + 0.5).clamp(0, 1) for part in pictures.split(chunk)])
        return rearrange(frames, "(b f) c h w -> b f h w c", b=len(latents))


class Encoder(nn.Module):
    def __init__(self, config: VAEConfig):
        super().__init__()
        widths = [config.ch * m for m in config.ch_mult]
        self.conv_in = nn.Conv2d(config.in_channels, config.ch, 3, padding=1)
        self.down = nn.ModuleList()
        for level, (before, width) in enumerate(zip([config.ch, *widths], widths, strict=False)):
            shrink = Downsample(width) if level < len(widths) - 1 else None
            self.down.append(Level(before, width, config.num_res_blocks, config.norm_groups, downsample=shrink))
        self.mid = Middle(widths[-1], config.norm_groups)
        self.norm_out = norm(widths[-1], config.norm_groups)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(x)
        for level in self.down:
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(self.mid(h))))


class Decoder(nn.Module):
    def __init__(self, config: VAEConfig):
        super().__init__()
        widths = [config.ch * m for m in config.ch_mult]
        self.conv_in = nn.Conv2d(config.z_channels, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1], config.norm_groups)
        self.up = nn.ModuleList()
        for level, (width, before) in enumerate(zip(widths, [*widths[1:], widths[-1]], strict=True)):
            grow = Upsample(width) if level > 0 else None
            self.up.append(Level(before, width, config.num_res_blocks + 1, config.norm_groups, upsample=grow))
        self.norm_out = norm(widths[0], config.norm_groups)
        self.conv_out = nn.Conv2d(widths[0], config.out_ch, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Level(nn.Module):
    """Residual blocks at one resolution, then at most one change of resolution."""

    def __init__(self, before: int, width: int, blocks: int, groups: int, **resample: nn.Module | None):
        super().__init__()
        self.block = nn.ModuleList(ResBlock(before if i == 0 else width, width, groups) for i in range(blocks))
        self.resample = next((name for name, module in resample.items() if module), "")
        if self.resample:
            self.add_module(self.resample, resample[self.resample])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        return getattr(self, self.resample)(x) if self.resample else x


class Middle(nn.Module):
    def __init__(self, width: int, groups: int):
        super().__init__()
        self.block_1 = ResBlock(width, width, groups)
        self.attn_1 = Attention(width, groups)
        self.block_2 = ResBlock(width, width, groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class ResBlock(nn.Module):
    def __init__(self, before: int, width: int, groups: int):
        super().__init__()
        self.norm1 = norm(before, groups)
        self.conv1 = nn.Conv2d(before, width, 3, padding=1)
        self.norm2 = norm(width, groups)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(before, width, 1) if before != width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    """One head over all positions."""

    def __init__(self, width: int, groups: int):
        super().__init__()
        self.norm = norm(width, groups)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        q, k, v = (rearrange(layer(h), "b c h w -> b 1 (h w) c") for layer in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(rearrange(h, "b 1 (h w) c -> b c h w", h=x.shape[2]))


class Downsample(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, width, eps=1e-6)
