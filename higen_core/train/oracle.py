"""Says what is in a picture of the sprite world without any trained network: fits every sprite at every place.

A frame is explained as one sprite of one size at one place over one flat background; the explanation with the least
squared error wins. `accuracy` states how often that is right on real renders.
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

from . import sprites
from .textures import OBJECTS, texture

SIZES = (26, 29, 32, 36)
FOREGROUND = 0.15  # a pixel this far from the ground's colour, in any channel, belongs to the sprite
FAR = 22  # pixels from the sprite's centre where its ground begins
NEARBY = torch.cartesian_prod(*(torch.arange(-2, 2.5, 0.5),) * 2)
"""Places (x, y) around a centroid, in pixels, where a sprite may look most like it did in the first frame."""


@dataclass(frozen=True)
class Found:
    """The best explanation of a frame. `object` may be "", `centre` is in pixels (x, y), `error` is squared."""

    object: str
    background: str
    centre: tuple[float, float]
    error: float


@lru_cache(maxsize=1)
def _templates() -> list[tuple[Tensor, Tensor]]:
    """For each size: colours times alpha (objects, 3, s, s) and alpha (objects, 1, s, s)."""
    textures = torch.stack([texture(name) for name in OBJECTS])
    scaled = [F.interpolate(textures, size=size, mode="bilinear", antialias=True) for size in SIZES]
    return [(t[:, :3], t[:, 3:]) for t in scaled]


def background_of(frame: Tensor) -> str:
    """The named colour nearest to the median of the border of a frame (h, w, 3) in [0, 1]."""
    border = torch.cat([frame[0], frame[-1], frame[:, 0], frame[:, -1]]).median(dim=0).values
    names = tuple(sprites.BACKGROUNDS)
    palette = torch.tensor([sprites.BACKGROUNDS[name] for name in names]) / 255
    return names[int((palette - border).square().sum(1).argmin())]


def look(frame: Tensor) -> Found:
    """Explains a frame (h, w, 3) in [0, 1]."""
    border = torch.cat([frame[0], frame[-1], frame[:, 0], frame[:, -1]]).median(dim=0).values
    x = rearrange(frame - border, "h w c -> 1 c h w")
    flat_error = x.square().sum()
    best = (-math.inf, 0, 0, 0, 0)
    for size, (colour, alpha) in zip(SIZES, _templates(), strict=True):
        sprite = colour - alpha * border.view(1, 3, 1, 1)  # the sprite's difference to the flat background
        gain = 2 * F.conv2d(x, sprite) - sprite.square().sum((1, 2, 3)).view(1, -1, 1, 1)
        value, place = gain[0].flatten(1).max(dim=1)
        kind = int(value.argmax())
        row, column = divmod(int(place[kind]), gain.shape[-1])
        if value[kind] > best[0]:
            best = float(value[kind]), kind, size, row, column
    value, kind, size, row, column = best
    name = OBJECTS[kind] if value > 0 else ""  # no sprite is better than none
    centre = column + size / 2, row + size / 2
    return Found(name, background_of(frame), centre, float(flat_error - max(value, 0.0)) / frame.numel())


@dataclass(frozen=True)
class Track:
    """What happens in a video of f frames, by colour alone.

    centres: (f, 2) pixels (x, y) of the foreground's centroid.
    change: (f,) mean absolute difference of colour to the first frame, 0..1, around the centres, where they fit best:
        motion left aside.
    flicker: mean absolute change per frame of the ground far from the sprite, in 1/255.
    """

    centres: Tensor
    change: Tensor
    flicker: float


def follow(video: Tensor) -> Track:
    """Follows the foreground of a video (f, h, w, 3) in [0, 1]."""
    centres = torch.stack([_centroid(frame) for frame in video])
    first = _around(video[0], centres[:1])
    apart = [(_around(frame, centre + NEARBY) - first).abs() for frame, centre in zip(video, centres, strict=True)]
    change = torch.stack([each.mean(dim=(1, 2, 3)).min() for each in apart])
    rows = torch.arange(sprites.SIZE)
    pixels = torch.stack(torch.meshgrid(rows, rows, indexing="xy"), dim=-1)  # h w 2
    far = (pixels - centres[:, None, None]).abs().amax(dim=-1) > FAR
    still = (far[1:] & far[:-1])[..., None]
    moved = (video.diff(dim=0).abs() * still).sum() / (3 * still.sum().clamp(min=1))
    return Track(centres, change, 255 * float(moved))


def _centroid(frame: Tensor) -> Tensor:
    """(x, y) of what differs from the border's colour; the middle of the frame if nothing does."""
    border = torch.cat([frame[0], frame[-1], frame[:, 0], frame[:, -1]]).median(dim=0).values
    weight = F.relu((frame - border).abs().amax(dim=-1) - FOREGROUND)
    if not weight.any():
        return torch.full((2,), (sprites.SIZE - 1) / 2)
    at = torch.arange(sprites.SIZE, dtype=frame.dtype)
    return torch.stack([(weight.sum(0) * at).sum(), (weight.sum(1) * at).sum()]) / weight.sum()


def _around(frame: Tensor, centres: Tensor) -> Tensor:
    """Squares of 2 FAR pixels around points (n, 2) of a frame (h, w, 3) -> (n, 3, 2 FAR, 2 FAR).

    Points may lie between the pixels; beyond the frame its border goes on.
    """
    offsets = torch.arange(2 * FAR) + 0.5 - FAR
    x, y = ((centres[:, axis, None] + offsets + 0.5) / (sprites.SIZE / 2) - 1 for axis in (0, 1))
    grid = torch.stack([repeat(x, "n w -> n h w", h=2 * FAR), repeat(y, "n h -> n h w", w=2 * FAR)], dim=-1)
    pictures = repeat(frame, "h w c -> n c h w", n=len(centres))
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def accuracy(scenes: int = 200, seed: int = 0) -> dict[str, float]:
    """How often the oracle is right on real renders, and its mean error of the sprite's place in pixels."""
    rng = random.Random(f"oracle {seed}")
    objects, grounds, distance = 0, 0, 0.0
    for _ in range(scenes):
        scene = sprites.sample_scene(rng, held_out=True)
        found = look(sprites.render(scene, frames=1)[0])
        objects += found.object == scene.object
        grounds += found.background == scene.background
        distance += sum((a - b) ** 2 for a, b in zip(found.centre, scene.start, strict=True)) ** 0.5
    return {"object": objects / scenes, "background": grounds / scenes, "place_px": distance / scenes}
