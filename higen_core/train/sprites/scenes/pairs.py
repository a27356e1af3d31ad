"""Pairs of scenes that start alike and differ in one attribute, for the denoiser's paired clips."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from .sampling import sample_scene, sample_target
from .scene import DIRECTIONS, FRAMES, PROFILES, SIZE, STRAIGHT, Scene, distance_to_wall, is_held_out, unit_vector

PAIR_TYPES = ("directions", "speeds", "amounts", "colors", "objects")
"""What differs: the direction of the motion; its speed and profile; how far a change of appearance goes; the color that
the object fades to; the object that it turns into."""


def sample_pair(rng: random.Random, pair_types: Sequence[str] = PAIR_TYPES) -> tuple[Scene, Scene]:
    """Two scenes of the training split that start alike and differ in one attribute.

    `pair_types` are of `PAIR_TYPES`; the probability of a type is proportional to how often it is listed.
    """
    differ = {
        "directions": _two_directions,
        "speeds": _two_speeds,
        "amounts": _two_amounts,
        "colors": partial(_two_targets, change="fade"),
        "objects": partial(_two_targets, change="turn"),
    }[rng.choice(pair_types)]
    while True:
        first, second = differ(sample_scene(rng), rng)
        if first != second and not is_held_out(first) and not is_held_out(second):
            return first, second


def _two_directions(scene: Scene, rng: random.Random) -> tuple[Scene, Scene]:
    """From the middle in two directions, as far as there is room in both.

    A scene that cannot differ in this attribute, here one without a straight motion, is returned twice.
    """
    if scene.motion not in STRAIGHT:
        return scene, scene
    start = (rng.gauss(SIZE / 2, 0.06 * SIZE), rng.gauss(SIZE / 2, 0.06 * SIZE))
    directions = scene.direction, rng.choice(tuple(DIRECTIONS))
    room = min(distance_to_wall(start, unit_vector(direction), scene.half_size) for direction in directions)
    scene = replace(scene, start=start, speed=min(max(scene.speed, 0.4), room / (FRAMES - 1)))
    return scene, replace(scene, direction=directions[1])


def _two_speeds(scene: Scene, rng: random.Random) -> tuple[Scene, Scene]:
    """Two mean speeds with two profiles."""
    if scene.motion != "move":
        return scene, scene
    fastest = distance_to_wall(scene.start, scene.heading, scene.half_size) / (FRAMES - 1)
    first, second = (
        replace(scene, profile=profile, speed=rng.uniform(0, fastest)) for profile in rng.sample(PROFILES, 2)
    )
    return first, second


def _two_amounts(scene: Scene, rng: random.Random) -> tuple[Scene, Scene]:
    """A change of appearance that hardly begins, and one that goes far."""
    if scene.change == "none":
        return scene, scene
    return replace(scene, amount=rng.choice((0.0, rng.uniform(0, 0.3)))), replace(scene, amount=rng.uniform(0.6, 1))


def _two_targets(scene: Scene, rng: random.Random, change: str) -> tuple[Scene, Scene]:
    if scene.change != change:
        return scene, scene
    scene = replace(scene, amount=rng.uniform(0.8, 1))
    return scene, replace(scene, target=sample_target(scene, rng))
