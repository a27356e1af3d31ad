"""A person's own picture as the spatial prior: any size and shape of picture brought to the size of the video."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

FITS = ("crop", "pad", "stretch")
Colour = tuple[float, float, float]


def fit_pictures(
    pictures: Tensor,
    height: int,
    width: int,
    fit: str = "crop",
    background: Colour = (0.0, 0.0, 0.0),
    transparency: Tensor | None = None,
) -> Tensor:
    """Pictures (b, h, w, 1, 3 or 4) in [0, 1] -> (b, height, width, 3) in [0, 1].

    Values are taken and kept as sRGB, as in training; resizing is bicubic with an antialiasing filter when it shrinks.

    Args:
        pictures: grey, colour, or colour with alpha (1 is opaque; colours not multiplied by it).
        height, width: pixels.
        fit: "crop" fills the frame and cuts what juts out evenly, "pad" shows all of the picture with the background
            around it, "stretch" changes the proportions.
        background: sRGB colour, 0..1, behind transparent parts and around a padded picture.
        transparency: (b or 1, h, w), 1 where the background shows, as ComfyUI's Load Image gives it; of any size.
    """
    if pictures.ndim != 4 or pictures.shape[-1] not in (1, 3, 4) or 0 in pictures.shape:
        raise ValueError(f"pictures must be (b, height, width, 1, 3 or 4 channels), got {tuple(pictures.shape)}")
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}, got {fit!r}")
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be positive, got {height}x{width}")
    if not torch.isfinite(pictures).all():
        raise ValueError("pictures have NaN or infinite pixels")
    colour, alpha = _layers(pictures.float(), transparency)
    h, w = colour.shape[-2:]
    if fit == "stretch":
        sized = height, width
    else:
        scale = (max if fit == "crop" else min)(height / h, width / w)
        sized = max(1, round(h * scale)), max(1, round(w * scale))
    # Colours travel multiplied by alpha, or the hidden colour of transparent pixels would bleed over edges.
    layers = _centred(_resized(torch.cat([colour * alpha, alpha], dim=1), *sized), height, width).clamp(0, 1)
    ground = layers.new_tensor(background).view(1, 3, 1, 1)
    return rearrange(layers[:, :3] + (1 - layers[:, 3:]) * ground, "b c h w -> b h w c").clamp(0, 1)


def parse_colour(text: str) -> Colour:
    """ "#rrggbb" -> sRGB in 0..1."""
    digits = text.strip().removeprefix("#")
    if len(digits) != 6 or any(d not in "0123456789abcdefABCDEF" for d in digits):
        raise ValueError(f"a colour must be #rrggbb, like #808080, got {text!r}")
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def _layers(pictures: Tensor, transparency: Tensor | None) -> tuple[Tensor, Tensor]:
    """Colour (b, 3, h, w) and opacity (b, 1, h, w), both in [0, 1]."""
    channels = rearrange(pictures.clamp(0, 1), "b h w c -> b c h w")
    b, c, h, w = channels.shape
    colour = channels[:, :3].expand(b, 3, h, w)
    alpha = channels[:, 3:] if c == 4 else channels.new_ones(b, 1, h, w)
    if transparency is not None:
        if transparency.ndim != 3 or len(transparency) not in (1, b):
            raise ValueError(f"transparency must be ({b} or 1, height, width), got {tuple(transparency.shape)}")
        clear = F.interpolate(transparency[:, None].to(alpha), size=(h, w), mode="bilinear", antialias=True)
        alpha = alpha * (1 - clear.clamp(0, 1))
    return colour, alpha


def _resized(layers: Tensor, height: int, width: int) -> Tensor:
    from kornia.geometry.transform import resize

    if layers.shape[-2:] == (height, width):
        return layers
    return resize(layers, (height, width), interpolation="bicubic", align_corners=False, antialias=True)


def _centred(layers: Tensor, height: int, width: int) -> Tensor:
    """Cuts or widens (b, c, h, w) evenly on both sides; what is added is transparent."""
    top, left = (height - layers.shape[2]) // 2, (width - layers.shape[3]) // 2
    bottom, right = height - layers.shape[2] - top, width - layers.shape[3] - left
    return F.pad(layers, (left, right, top, bottom))  # negative: cut
