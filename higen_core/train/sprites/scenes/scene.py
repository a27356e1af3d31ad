"""What happens in a clip of the emoji data set: one object, one background, one motion, one change of appearance."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

BACKGROUNDS = {
    "white": (240, 240, 240), "gray": (128, 128, 128), "blue": (110, 170, 240),
    "green": (120, 200, 120), "pink": (245, 170, 195), "yellow": (245, 225, 110),
}  # fmt: skip
NIGHT = (18, 22, 58)
DIRECTIONS = {
    "right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1),
    "down and to the right": (1, 1), "down and to the left": (-1, 1),
    "up and to the right": (1, -1), "up and to the left": (-1, -1),
}  # fmt: skip
MOTIONS = ("still", "move", "speed up", "slow down", "bounce", "circle")
STRAIGHT = ("move", "speed up", "slow down")
CHANGES = ("none", "fade", "turn", "grow", "shrink", "night")
PROFILES = ("constant", "rise", "fall", "pulse", "freeze then go", "go then freeze")
SMALL, LARGE = 26.0, 36.0
"""Range of the sprite sizes, pixels: what grows starts small, what shrinks starts large."""

SIZE = 64  # pixels, both sides
FRAMES = 16
FPS = 8
MOTION_SCALE = 40_000  # motion 1000 is then a sprite that moves by about two pixels a frame; see ModelInfo.motion_scale


@dataclass(frozen=True)
class Scene:
    """What happens in a clip. Lengths are pixels, x to the right and y down; `speed` is the mean distance per frame."""

    object: str
    background: str
    motion: str = "still"
    direction: str = "right"
    speed: float = 0.0
    profile: str = "constant"  # of the speed over the clip
    change: str = "none"
    target: str = ""  # the color faded to, or the object turned into
    amount: float = 1.0  # how far the change goes, 0..1
    span: tuple[float, float] = (0.0, 1.0)  # when the change begins and ends, as fractions of the clip
    size: float = 32.0
    start: tuple[float, float] = (32.0, 32.0)  # center of the sprite in the first frame
    phase: float = 0.0  # of the circle, radians

    @property
    def half_size(self) -> float:
        """From the sprite's center to its side when it is largest, in pixels."""
        return 0.5 * (LARGE if self.change in ("grow", "shrink") else self.size)

    @property
    def heading(self) -> tuple[float, float]:
        """The direction as a unit vector."""
        return unit_vector(self.direction)


def unit_vector(direction: str) -> tuple[float, float]:
    dx, dy = DIRECTIONS[direction]
    return dx / math.hypot(dx, dy), dy / math.hypot(dx, dy)


def distance_to_wall(start: tuple[float, float], heading: tuple[float, float], half_size: float) -> float:
    """How far a sprite can go before it touches a wall, in pixels."""
    distances = (
        (SIZE - half_size - p if d > 0 else p - half_size) / abs(d) for p, d in zip(start, heading, strict=True) if d
    )
    return max(0.0, min(distances))


def is_held_out(scene: Scene) -> bool:
    """One combination of object, background, motion and direction in ten is kept for evaluation."""
    key = f"{scene.object}|{scene.background}|{scene.motion}|{scene.direction}"
    return zlib.crc32(key.encode()) % 10 == 0
