"""Draws scenes: the path of the sprite, its size and texture in each frame, over a flat background."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .scene import BACKGROUNDS, FRAMES, NIGHT, SIZE, Scene
from .textures import texture, tinted

GROWTH = 14.0
"""Pixels that a sprite's size gains or loses when it grows or shrinks all the way."""


def render(scene: Scene, frames: int = FRAMES, centers: Tensor | None = None) -> Tensor:
    """Draws a scene -> (frames, SIZE, SIZE, 3) in [0, 1]. `centers` (frames, 2) take the place of the scene's path."""
    centers = path(scene, frames) if centers is None else centers
    begin, end = scene.span
    time = torch.linspace(0, 1, frames) if frames > 1 else torch.zeros(1)
    progress = scene.amount * ((time - begin) / (end - begin)).clamp(0, 1)
    w = progress.view(-1, 1, 1, 1)
    sprite = texture(scene.object)[None].expand(frames, -1, -1, -1)
    if scene.change == "fade":
        sprite = torch.lerp(sprite, tinted(texture(scene.object), scene.target)[None], w)
    elif scene.change == "turn":
        sprite = torch.lerp(sprite, texture(scene.target)[None], w)
    size = torch.full((frames,), scene.size)
    if scene.change in ("grow", "shrink"):
        size = size + progress * GROWTH * (1 if scene.change == "grow" else -1)
    background = torch.tensor(BACKGROUNDS[scene.background]) / 255
    background = background.view(1, 3, 1, 1).expand(frames, 3, 1, 1)
    if scene.change == "night":
        background = torch.lerp(background, (torch.tensor(NIGHT) / 255).view(1, 3, 1, 1), w)
    placed = F.grid_sample(sprite, _sampling_grid(centers, size), align_corners=False)
    rgb, alpha = placed[:, :3], placed[:, 3:]
    return rearrange(rgb + (1 - alpha) * background, "f c h w -> f h w c").clamp(0, 1)


def path(scene: Scene, frames: int) -> Tensor:
    """Centers of the sprite, (frames, 2) pixels."""
    distance = F.pad(torch.cumsum(scene.speed * _step_lengths(scene.profile, frames), 0), (1, 0))
    x, y = scene.start
    if scene.motion == "circle":
        radius = max(math.hypot(x - SIZE / 2, y - SIZE / 2), 1e-3)
        angle = scene.phase + distance / radius
        return torch.stack([SIZE / 2 + radius * torch.cos(angle), SIZE / 2 + radius * torch.sin(angle)], 1)
    if scene.motion == "still":
        distance = torch.zeros(frames)
    half = 0.5 * scene.size
    axes = zip(scene.start, scene.heading, strict=True)
    return torch.stack([_reflect(p + d * distance, half, SIZE - half) for p, d in axes], 1)


def _step_lengths(profile: str, frames: int) -> Tensor:
    """Relative length of each of the frames - 1 steps, with mean 1."""
    u = torch.linspace(0, 1, frames - 1) if frames > 2 else torch.ones(max(frames - 1, 0))
    steps = {
        "constant": torch.ones_like(u),
        "rise": 0.1 + u,
        "fall": 1.1 - u,
        "pulse": 0.1 + torch.sin(math.pi * u) ** 2,
        "freeze then go": (u > 0.45).float(),
        "go then freeze": (u < 0.55).float(),
    }[profile]
    return steps / steps.mean().clamp(min=1e-6) if len(steps) else steps


def _reflect(position: Tensor, low: float, high: float) -> Tensor:
    """Positions that turn round at the walls `low` and `high`."""
    room = max(high - low, 1e-3)
    return low + room - ((position - low) % (2 * room) - room).abs()


def _sampling_grid(centers: Tensor, size: Tensor) -> Tensor:
    """For each pixel of each frame its position in the texture, (f, SIZE, SIZE, 2), -1..1 inside the texture."""
    scale = SIZE / size  # half-widths of the texture per half-width of the frame
    shift = -(centers / (SIZE / 2) - 1) * scale[:, None]
    theta = torch.zeros(len(size), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = shift
    return F.affine_grid(theta, [len(size), 1, SIZE, SIZE], align_corners=False)
