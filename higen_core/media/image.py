"""Images as tensors: frames of any dtype as RGB in [0, 1], and images of any size fitted to the size of the video."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

FITS = ("crop", "pad", "stretch")
Color = tuple[float, float, float]
"""sRGB in 0..1."""
OVERSHOOT = 0.5
"""How far floats may lie outside 0..1 before they are taken for another range, such as 0..255."""


def psnr(images: Tensor, references: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image, in dB, of values in [0, 1]: (b, ...) -> (b,); equal images have 100."""
    return -10 * (images - references).square().flatten(1).mean(1).clamp(min=1e-10).log10()


def as_image(frame: Any, name: str = "image") -> Tensor:
    """An image (h, w, 1, 3 or 4) as RGB (h, w, 3), float32 in [0, 1].

    uint8 is divided by 255, gray is repeated, and alpha is composited on black. Floats are clamped, since resizing
    overshoots a little.

    Args:
        frame: a tensor, or what `torch.as_tensor` takes.
        name: what error messages call the image.

    Raises:
        ValueError: a wrong shape, NaN or infinite pixels, or floats far outside 0..1.
    """
    image = torch.as_tensor(frame)
    if image.ndim != 3 or image.shape[-1] not in (1, 3, 4) or 0 in image.shape:
        raise ValueError(f"{name} must be (height, width, 1, 3 or 4 channels), got {tuple(image.shape)}")
    image = image.float().div_(255) if image.dtype == torch.uint8 else _clamped(image.float(), name)
    if image.shape[-1] == 4:
        return image[..., :3] * image[..., 3:]
    return image.expand(*image.shape[:2], 3)


def fit_images(
    images: Tensor,
    height: int,
    width: int,
    fit: str = "crop",
    background: Color = (0.0, 0.0, 0.0),
    transparency: Tensor | None = None,
) -> Tensor:
    """Images (b, h, w, 1, 3 or 4) in [0, 1] resized to (b, height, width, 3) in [0, 1].

    Values are sRGB, and so is the result. Resizing is bicubic, with an antialiasing filter when it shrinks.

    Args:
        images: gray, RGB, or RGB with straight (not premultiplied) alpha, where 1 is opaque.
        height, width: pixels of the result.
        fit: "crop" fills the frame and cuts off the same amount on both sides, "pad" shows the whole image with the
            background around it, "stretch" changes the proportions.
        background: color behind transparent pixels and around a padded image.
        transparency: (1 or b, h, w) of any height and width, 1 where the background shows: ComfyUI's MASK.

    Raises:
        ValueError: a wrong shape, size or fit, or NaN or infinite pixels.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or 0 in images.shape:
        raise ValueError(f"images must be (b, height, width, 1, 3 or 4 channels), got {tuple(images.shape)}")
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}, got {fit!r}")
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be positive, got {height}x{width}")
    if not torch.isfinite(images).all():
        raise ValueError("images have NaN or infinite pixels")
    rgb, alpha = _rgb_and_alpha(images.float(), transparency)
    size = _resized_size(rgb.shape[-2:], height, width, fit)
    # Resized with premultiplied alpha: else the hidden color of transparent pixels would bleed over edges.
    rgba = _resized(torch.cat([rgb * alpha, alpha], dim=1), *size)
    rgba = _cropped_or_padded(rgba, height, width).clamp(0, 1)
    rgb, alpha = rgba[:, :3], rgba[:, 3:]
    behind = rgba.new_tensor(background).view(1, 3, 1, 1)
    return rearrange(rgb + (1 - alpha) * behind, "b c h w -> b h w c").clamp(0, 1)


def _clamped(image: Tensor, name: str) -> Tensor:
    low, high = image.aminmax()
    if not (torch.isfinite(low) and torch.isfinite(high)):  # one NaN makes both NaN
        raise ValueError(f"{name} has NaN or infinite pixels")
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        raise ValueError(f"{name} must have values in 0..1, got {low:g}..{high:g}")
    return image.clamp(0, 1)


def _rgb_and_alpha(images: Tensor, transparency: Tensor | None) -> tuple[Tensor, Tensor]:
    """(b, h, w, 1, 3 or 4) -> RGB (b, 3, h, w) and alpha (b, 1, h, w), both in [0, 1]."""
    channels = rearrange(images.clamp(0, 1), "b h w c -> b c h w")
    b, c, h, w = channels.shape
    rgb = channels[:, :3].expand(b, 3, h, w)
    alpha = channels[:, 3:] if c == 4 else channels.new_ones(b, 1, h, w)
    if transparency is not None:
        if transparency.ndim != 3 or len(transparency) not in (1, b):
            raise ValueError(f"transparency must be ({b} or 1, height, width), got {tuple(transparency.shape)}")
        mask = F.interpolate(transparency[:, None].to(alpha), size=(h, w), mode="bilinear", antialias=True)
        alpha = alpha * (1 - mask.clamp(0, 1))
    return rgb, alpha


def _resized_size(size: torch.Size, height: int, width: int, fit: str) -> tuple[int, int]:
    """Height and width to which an image of `size` (h, w) is resized before it is cropped or padded."""
    if fit == "stretch":
        return height, width
    h, w = size
    scale = (max if fit == "crop" else min)(height / h, width / w)
    return max(1, round(h * scale)), max(1, round(w * scale))


def _resized(images: Tensor, height: int, width: int) -> Tensor:
    from kornia.geometry.transform import resize

    if images.shape[-2:] == (height, width):
        return images
    return resize(images, (height, width), interpolation="bicubic", align_corners=False, antialias=True)


def _cropped_or_padded(images: Tensor, height: int, width: int) -> Tensor:
    """(b, c, h, w) to (b, c, height, width), by the same amount on both sides; zeros are added."""
    top, left = (height - images.shape[2]) // 2, (width - images.shape[3]) // 2
    bottom, right = height - images.shape[2] - top, width - images.shape[3] - left
    return F.pad(images, (left, right, top, bottom))  # negative: crop
