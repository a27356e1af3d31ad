"""Stable Diffusion's autoencoder, `AutoencoderKL` (Rombach et al. 2022, section 3.1).

Module names are those of the released checkpoints, so that tensor names need no mapping.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .config import VAEConfig
from .layers import fast_layout
from .network import Network

LATENT_SCALE = 0.18215
"""Factor between the encoder's output and the latents of the denoiser, which have about unit variance."""


class VAE(Network):
    """Encodes images to latents and decodes latents.

    Images are (b, 3, h, w) in [-1, 1], latents (b, 4, h/8, w/8), multiplied by `LATENT_SCALE`.
    All inputs are cast to the network's dtype and device.
    """

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * config.z_channels, 2 * config.z_channels, 1)
        self.post_quant_conv = nn.Conv2d(config.z_channels, config.z_channels, 1)

    @property
    def downscale(self) -> int:
        """Image size / latent size."""
        return 2 ** (len(self.config.ch_mult) - 1)

    def moments(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (b, 4, h/8, w/8) of the latent distribution of images (b, 3, h, w), not scaled.

        Raises:
            ValueError: height or width is not a multiple of `downscale`.
        """
        height, width = image.shape[-2:]
        if height % self.downscale or width % self.downscale:
            raise ValueError(f"image size must be a multiple of {self.downscale}, got {width}x{height}")
        mean, logvar = self.quant_conv(self.encoder(fast_layout(self.cast(image)))).chunk(2, dim=1)
        return mean, logvar.clamp(-30.0, 20.0)

    def encode(self, image: Tensor) -> Tensor:
        """Images (b, 3, h, w) -> the means of their latents, scaled."""
        return self.moments(image)[0] * LATENT_SCALE

    def decode(self, latent: Tensor) -> Tensor:
        """Scaled latents (b, 4, h, w) -> images (b, 3, 8 h, 8 w), not clamped."""
        return self.decoder(self.post_quant_conv(fast_layout(self.cast(latent) / LATENT_SCALE)))

    def decode_video(self, latents: Tensor, chunk: int | None = None) -> Tensor:
        """Decodes videos.

        Args:
            latents: scaled latents (b, c, f, h, w).
            chunk: frames decoded at a time; fewer need less memory, see `hg.plan_decoding`. None means all.

        Returns:
            frames (b, f, 8 h, 8 w, 3) in [0, 1], float32 in every dtype of the network.

        Raises:
            ValueError: `chunk` is below 1.
        """
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk must be at least 1 frame, got {chunk}")
        latent_frames = rearrange(latents, "b c f h w -> (b f) c h w")
        decoded = (self.decode(frames).float() for frames in latent_frames.split(chunk or len(latent_frames)))
        frames = torch.cat([(images / 2 + 0.5).clamp(0, 1) for images in decoded])
        return rearrange(frames, "(b f) c h w -> b f h w c", b=len(latents))


class Encoder(nn.Module):
    def __init__(self, config: VAEConfig):
        super().__init__()
        widths = [config.ch * m for m in config.ch_mult]
        self.conv_in = nn.Conv2d(config.in_channels, config.ch, 3, padding=1)
        self.down = nn.ModuleList()
        for level, (in_width, width) in enumerate(zip([config.ch, *widths], widths, strict=False)):
            downsample = Downsample(width) if level < len(widths) - 1 else None
            self.down.append(Level(in_width, width, config.num_res_blocks, config.norm_groups, downsample=downsample))
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
        for level, (width, in_width) in enumerate(zip(widths, [*widths[1:], widths[-1]], strict=True)):
            upsample = Upsample(width) if level > 0 else None
            self.up.append(Level(in_width, width, config.num_res_blocks + 1, config.norm_groups, upsample=upsample))
        self.norm_out = norm(widths[0], config.norm_groups)
        self.conv_out = nn.Conv2d(widths[0], config.out_ch, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Level(nn.Module):
    """Residual blocks at one resolution, followed by `downsample`, `upsample` or nothing."""

    def __init__(self, in_width: int, width: int, blocks: int, groups: int, **resample: nn.Module | None):
        super().__init__()
        self.block = nn.ModuleList(ResBlock(in_width if i == 0 else width, width, groups) for i in range(blocks))
        self.resample = next((name for name, module in resample.items() if module), "")
        if self.resample:
            self.add_module(self.resample, resample[self.resample])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        return getattr(self, self.resample)(x) if self.resample else x


class Middle(nn.Module):
    """Attention at the lowest resolution, between two residual blocks."""

    def __init__(self, width: int, groups: int):
        super().__init__()
        self.block_1 = ResBlock(width, width, groups)
        self.attn_1 = Attention(width, groups)
        self.block_2 = ResBlock(width, width, groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class ResBlock(nn.Module):
    """Two 3x3 convolutions and a residual connection."""

    def __init__(self, in_width: int, out_width: int, groups: int):
        super().__init__()
        self.norm1 = norm(in_width, groups)
        self.conv1 = nn.Conv2d(in_width, out_width, 3, padding=1)
        self.norm2 = norm(out_width, groups)
        self.conv2 = nn.Conv2d(out_width, out_width, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(in_width, out_width, 1) if in_width != out_width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    """Self-attention over all positions of an image, with a single head."""

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
    """Halves height and width; padded on the right and at the bottom only, as in the released network."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Doubles height and width, followed by a convolution."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, width, eps=1e-6)
