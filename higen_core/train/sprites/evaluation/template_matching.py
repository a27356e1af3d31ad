"""Recognizes what a frame of the emoji data set shows without any trained network: fits every sprite at every position.

A frame is explained as one sprite of one size at one position over one flat background; the explanation with the least
squared error wins. `accuracy` measures how often that is right on real renders.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor

from ..scenes import BACKGROUNDS, NEW_EMOJI, OBJECTS, SIZE, render, sample_scene, texture

ALL_OBJECTS = (*OBJECTS, *NEW_EMOJI)
SPRITE_SIZES = (26, 29, 32, 36)
FOREGROUND = 0.15  # a pixel this far from the background's color, in any channel, belongs to the sprite
FAR = 22  # pixels from the sprite's center from which on a pixel counts as background
OFFSETS = torch.cartesian_prod(*(torch.arange(-2, 2.5, 0.5),) * 2)
"""Offsets (x, y) from a centroid, in pixels, at which a sprite is compared with that of the first frame."""


@dataclass(frozen=True)
class Match:
    """The best explanation of a frame.

    `object` is "" where no sprite fits better than none, `center` is in pixels (x, y), `error` is the mean squared one.
    """

    object: str
    background: str
    center: tuple[float, float]
    error: float


@dataclass(frozen=True)
class Track:
    """What happens in a video of f frames, by color alone.

    centers: (f, 2) pixels (x, y) of the foreground's centroid.
    change: (f,) mean absolute difference of color to the first frame, 0..1, in squares around the centers, aligned so
        that they differ least: motion does not count.
    flicker: mean absolute change per frame of the background far from the sprite, in 1/255.
    """

    centers: Tensor
    change: Tensor
    flicker: float


def match_frame(frame: Tensor, objects: tuple[str, ...] = OBJECTS) -> Match:
    """Explains a frame (h, w, 3) in [0, 1] with one of `objects`."""
    border = _border_color(frame)
    x = rearrange(frame - border, "h w c -> 1 c h w")
    flat_error = x.square().sum()
    best = (-math.inf, 0, 0, 0, 0)
    for size, (color, alpha) in zip(SPRITE_SIZES, _templates(objects), strict=True):
        sprite = color - alpha * border.view(1, 3, 1, 1)  # the sprite's difference to the flat background
        gain = 2 * F.conv2d(x, sprite) - sprite.square().sum((1, 2, 3)).view(1, -1, 1, 1)
        value, position = gain[0].flatten(1).max(dim=1)
        index = int(value.argmax())
        row, column = divmod(int(position[index]), gain.shape[-1])
        if value[index] > best[0]:
            best = float(value[index]), index, size, row, column
    value, index, size, row, column = best
    name = objects[index] if value > 0 else ""
    center = column + size / 2, row + size / 2
    return Match(name, background_of(frame), center, float(flat_error - max(value, 0.0)) / frame.numel())


def background_of(frame: Tensor) -> str:
    """The named color nearest to the median of the border of a frame (h, w, 3) in [0, 1]."""
    palette = torch.tensor(list(BACKGROUNDS.values())) / 255
    return tuple(BACKGROUNDS)[int((palette - _border_color(frame)).square().sum(1).argmin())]


def track_sprite(video: Tensor) -> Track:
    """Follows the foreground of a video (f, h, w, 3) in [0, 1]."""
    centers = torch.stack([_centroid(frame) for frame in video])
    first = _squares_around(video[0], centers[:1])
    differences = [
        (_squares_around(frame, center + OFFSETS) - first).abs() for frame, center in zip(video, centers, strict=True)
    ]
    change = torch.stack([difference.mean(dim=(1, 2, 3)).min() for difference in differences])
    rows = torch.arange(SIZE)
    pixels = torch.stack(torch.meshgrid(rows, rows, indexing="xy"), dim=-1)  # h w 2
    far = (pixels - centers[:, None, None]).abs().amax(dim=-1) > FAR
    background = (far[1:] & far[:-1])[..., None]
    flicker = (video.diff(dim=0).abs() * background).sum() / (3 * background.sum().clamp(min=1))
    return Track(centers, change, 255 * float(flicker))


def accuracy(scenes: int = 200, seed: int = 0) -> dict[str, float]:
    """How often template matching is right on real renders, and its mean error of the sprite's position in pixels."""
    rng = random.Random(f"oracle {seed}")  # the label of the published figures
    objects, backgrounds, distance = 0, 0, 0.0
    for _ in range(scenes):
        scene = sample_scene(rng, held_out=True)
        match = match_frame(render(scene, frames=1)[0])
        objects += match.object == scene.object
        backgrounds += match.background == scene.background
        distance += math.dist(match.center, scene.start)
    return {"object": objects / scenes, "background": backgrounds / scenes, "place_px": distance / scenes}


@lru_cache(maxsize=2)
def _templates(objects: tuple[str, ...]) -> list[tuple[Tensor, Tensor]]:
    """For each size: colors times alpha (objects, 3, s, s) and alpha (objects, 1, s, s)."""
    textures = torch.stack([texture(name) for name in objects])
    scaled = [F.interpolate(textures, size=size, mode="bilinear", antialias=True) for size in SPRITE_SIZES]
    return [(t[:, :3], t[:, 3:]) for t in scaled]


def _border_color(frame: Tensor) -> Tensor:
    """Median color of the outermost pixels, (3,)."""
    return torch.cat([frame[0], frame[-1], frame[:, 0], frame[:, -1]]).median(dim=0).values


def _centroid(frame: Tensor) -> Tensor:
    """(x, y) of what differs from the border's color; the middle of the frame if nothing does."""
    weight = F.relu((frame - _border_color(frame)).abs().amax(dim=-1) - FOREGROUND)
    if not weight.any():
        return torch.full((2,), (SIZE - 1) / 2)
    position = torch.arange(SIZE, dtype=frame.dtype)
    return torch.stack([(weight.sum(0) * position).sum(), (weight.sum(1) * position).sum()]) / weight.sum()


def _squares_around(frame: Tensor, centers: Tensor) -> Tensor:
    """Squares of 2 FAR pixels around points (n, 2) of a frame (h, w, 3) -> (n, 3, 2 FAR, 2 FAR).

    Points may lie between the pixels; beyond the frame its border is repeated.
    """
    offsets = torch.arange(2 * FAR) + 0.5 - FAR
    x, y = ((centers[:, axis, None] + offsets + 0.5) / (SIZE / 2) - 1 for axis in (0, 1))
    grid = torch.stack([repeat(x, "n w -> n h w", h=2 * FAR), repeat(y, "n h -> n h w", w=2 * FAR)], dim=-1)
    frames = repeat(frame, "h w c -> n c h w", n=len(centers))
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)
