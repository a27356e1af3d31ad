"""Random scenes. Speeds are chosen so that the motion cues of the clips fill their range evenly."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from .rendering import render
from .scene import (
    BACKGROUNDS,
    CHANGES,
    DIRECTIONS,
    FRAMES,
    LARGE,
    MOTION_SCALE,
    MOTIONS,
    PROFILES,
    SIZE,
    SMALL,
    STRAIGHT,
    Scene,
    distance_to_wall,
    is_held_out,
)
from .textures import COLORS, EMOJI, OBJECTS

FASTEST = 4.0  # pixels per frame, of what bounces or goes in circles


def sample_scene(rng: random.Random, held_out: bool = False) -> Scene:
    """A random scene of the training split, or of the held-out one."""
    return _with_span(_with_motion(_sample_split(rng, held_out), rng), rng)


def sample_still(rng: random.Random) -> Scene:
    """A random scene of the training split for single images: anywhere in the frame, with speed 0. Cheaper."""
    scene = _sample_split(rng, held_out=False)
    low, high = scene.size / 2, SIZE - scene.size / 2
    return replace(scene, start=(rng.uniform(low, high), rng.uniform(low, high)))


def sample_first_frame(rng: random.Random) -> Scene:
    """A random scene of the training split, for its first frame: a straight motion has half of its longest path ahead.

    The spatial stage has no motion cue, so its images must leave room for fast motions.
    """
    scene = sample_scene(rng)
    if scene.motion not in STRAIGHT:
        return scene
    half, (dx, dy) = scene.half_size, scene.heading
    length = rng.uniform(0.5, 1) * (SIZE - 2 * half) / max(abs(dx), abs(dy))
    return replace(scene, start=_start_with_room(rng, (dx * length, dy * length), half))


def sample_content(rng: random.Random) -> Scene:
    """What the words of a random scene of either split say: its speed, profile, span and start are the defaults."""
    scene = Scene(
        object=rng.choice((*EMOJI, *rng.sample(OBJECTS[len(EMOJI) :], 8))),
        background=rng.choice(tuple(BACKGROUNDS)),
        motion=rng.choices(MOTIONS, (15, 45, 8, 8, 12, 12))[0],
        direction=rng.choice(tuple(DIRECTIONS)),
        size=rng.uniform(SMALL, LARGE),
        phase=rng.uniform(0, 2 * math.pi),
    )
    return _with_change(scene, rng)


def sample_target(scene: Scene, rng: random.Random) -> str:
    """A color to fade to or an object to turn into, as the scene's change needs it."""
    if scene.change == "fade":
        return rng.choice([color for color in COLORS if color not in scene.object])
    if scene.change == "turn":
        return rng.choice([name for name in EMOJI if name != scene.object])
    return ""


def _sample_split(rng: random.Random, held_out: bool) -> Scene:
    while is_held_out(scene := sample_content(rng)) != held_out:
        pass
    return scene


def _with_change(scene: Scene, rng: random.Random) -> Scene:
    change = rng.choices(CHANGES, (50, 14, 14, 6, 6, 10))[0]
    target = sample_target(replace(scene, change=change), rng)
    size = SMALL if change == "grow" else LARGE if change == "shrink" else scene.size
    amount = rng.choice((0.0, *[rng.random() ** 0.7] * 9))  # 0: the words name a change, the cue asks for none
    return replace(scene, change=change, target=target, size=size, amount=amount)


def _with_motion(scene: Scene, rng: random.Random) -> Scene:
    """Chooses a speed that spreads the motion cue evenly over its range, and a start that leaves room for it."""
    half = scene.half_size
    room = SIZE - 2 * half
    start = rng.uniform(half, SIZE - half), rng.uniform(half, SIZE - half)
    if scene.motion == "still":
        return replace(scene, start=start)
    cue_per_pixel = MOTION_SCALE * _change_per_pixel(scene)
    motion_cue = rng.choice((0.0, *[rng.uniform(0, 1100)] * 15))  # 0: the words say "moves", the cue asks for none
    speed = motion_cue / cue_per_pixel
    if scene.motion in ("bounce", "circle"):
        if scene.motion == "circle":
            radius = 0.5 * room
            start = SIZE / 2 + radius * math.cos(scene.phase), SIZE / 2 + radius * math.sin(scene.phase)
        profile = rng.choices(PROFILES, (44, 12, 12, 10, 10, 12))[0]
        return replace(scene, speed=min(speed, FASTEST), start=start, profile=profile)
    heading, steps = scene.heading, FRAMES - 1
    speed = min(speed, room / (steps * max(abs(d) for d in heading)))
    kind = rng.random()
    if kind < 0.4:  # a path that fits its start, so that the start does not give the direction away
        speed = min(speed, distance_to_wall(start, heading, half) / steps)
    elif kind < 0.95:  # a start that fits the path; in the remaining scenes the sprite turns round at the wall
        dx, dy = heading
        start = _start_with_room(rng, (dx * speed * steps, dy * speed * steps), half)
    profile = {"speed up": "rise", "slow down": "fall"}.get(scene.motion)
    profile = profile or rng.choices(PROFILES, (38, 12, 12, 14, 12, 12))[0]
    return replace(scene, speed=speed, start=start, profile=profile)


def _start_with_room(rng: random.Random, displacement: tuple[float, float], half: float) -> tuple[float, float]:
    """A start that the sprite can leave by this displacement in pixels without touching a wall."""
    x, y = (rng.uniform(half + max(0.0, -d), SIZE - half - max(0.0, d)) for d in displacement)
    return x, y


def _with_span(scene: Scene, rng: random.Random) -> Scene:
    """Every second change of appearance takes a part of the clip only, down to a tenth."""
    if scene.change == "none" or rng.random() < 0.5:
        return scene
    begin = rng.uniform(0, 0.5)
    return replace(scene, span=(begin, rng.uniform(begin + 0.1, 1)))


def _change_per_pixel(scene: Scene) -> float:
    """Mean absolute change of the frame when the sprite moves by one pixel."""
    dx, dy = scene.heading
    before = replace(scene, change="none", start=(SIZE / 2, SIZE / 2))
    after = replace(before, start=(SIZE / 2 + dx, SIZE / 2 + dy))
    return float((render(before, frames=1) - render(after, frames=1)).abs().mean())
