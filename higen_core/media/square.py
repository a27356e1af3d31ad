"""Images of any size as the squares that image encoders take."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor


def center_square(images: Tensor, size: int) -> Tensor:
    """Images (b, h, w, c) with the shorter side resized to `size` and the longer one cropped -> (b, c, size, size).

    As `kornia.geometry.transform.resize` with antialiasing, but rows are filtered and shrunk in one step: blurring an
    8K image at its full size would take a hundred times as long.
    """
    from kornia.geometry.transform import resize

    _, h, w, c = images.shape
    if min(h, w) != size:
        height, width = (size, int(size * w / h)) if h <= w else (int(size / (w / h)), size)
        rows = row_weights(h, height).to(images)
        flat = rows @ rearrange(images, "b h w c -> b h (w c)")
        x = resize(rearrange(flat, "b h (w c) -> b c h w", c=c), (height, width), antialias=True)
    else:
        x = rearrange(images, "b h w c -> b c h w")
    top, left = (x.shape[2] - size) // 2, (x.shape[3] - size) // 2
    return x[:, :, top : top + size, left : left + size]


def row_weights(rows: int, resized: int) -> Tensor:
    """The weights of all rows of an image in each row of the resized one, (resized, rows) float32.

    Those of a Gaussian filter, where the image shrinks, reflected at the border and followed by linear interpolation.
    """
    from kornia.filters import get_gaussian_kernel1d

    factor = rows / resized
    position = ((torch.arange(resized) + 0.5) * factor - 0.5).clamp(min=0)
    above = position.long()
    below = (above + 1).clamp(max=rows - 1)
    share = position - above
    sigma = (factor - 1) / 2
    radius = max(int(4 * sigma), 3) // 2 if factor > 1 else 0
    kernel = get_gaussian_kernel1d(2 * radius + 1, sigma)[0] if radius else torch.ones(1)
    weights = torch.zeros(resized, rows)
    for center, weight in ((above, 1 - share), (below, share)):
        index = (center[:, None] + torch.arange(-radius, radius + 1)).abs()
        index = torch.where(index < rows, index, 2 * (rows - 1) - index)
        weights.scatter_add_(1, index, weight[:, None] * kernel)
    return weights
