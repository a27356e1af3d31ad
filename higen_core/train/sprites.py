"""A captioned sprite world, drawn on the fly from a seed: the data that mini is trained on.

A `Scene` says what happens (one object, one background, one motion, one change of appearance), `render` draws it and
`caption` says it in words; what the objects look like is in `textures.py`. Nothing of a `Scene` but its picture and its
words ever reaches a training: cues are measured on the pixels.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from einops import rearrange

from .textures import COLOURS, EMOJI, OBJECTS, texture, tinted

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
TWINS = ("ways", "paces", "amounts", "colours", "objects")
PROFILES = ("constant", "rise", "fall", "pulse", "freeze then go", "go then freeze")

SIZE = 64  # pixels, both sides
FRAMES = 16
FPS = 8
MOTION_SCALE = 40_000  # see cues.py: a clip that fills the range moves its sprite by about two pixels a frame


@dataclass(frozen=True)
class Scene:
    """What happens in a clip. Lengths are pixels, `speed` is the mean distance per frame."""

    object: str
    background: str
    motion: str = "still"
    direction: str = "right"
    speed: float = 0.0
    profile: str = "constant"
    change: str = "none"
    target: str = ""  # the colour faded to, or the object turned into
    amount: float = 1.0  # how far the change goes, 0..1
    span: tuple[float, float] = (0.0, 1.0)  # when it begins and ends, as shares of the clip
    size: float = 32.0
    start: tuple[float, float] = (32.0, 32.0)  # centre of the sprite in the first frame
    phase: float = 0.0  # of the circle, radians


def is_held_out(scene: Scene) -> bool:
    """One combination of object, background and motion in ten is kept for evaluation."""
    key = f"{scene.object}|{scene.background}|{scene.motion}|{scene.direction}"
    return zlib.crc32(key.encode()) % 10 == 0


def sample_scene(rng: random.Random, held_out: bool = False) -> Scene:
    """A random scene of the training split, or of the held-out one."""
    return _timed(_moving(_sample_split(rng, held_out), rng), rng)


def sample_still(rng: random.Random) -> Scene:
    """A random scene of the training split, anywhere in the frame and without a speed: cheaper, for pictures."""
    scene = _sample_split(rng, held_out=False)
    low, high = scene.size / 2, SIZE - scene.size / 2
    return replace(scene, start=(rng.uniform(low, high), rng.uniform(low, high)))


def sample_first(rng: random.Random) -> Scene:
    """A random scene of the training split for its first frame: what goes straight has half of its longest way ahead.

    So the spatial stage, which is not told how much will move, leaves room for fast motions, too.
    """
    scene = sample_scene(rng)
    if scene.motion not in STRAIGHT:
        return scene
    half, (dx, dy) = _half(scene), _unit(scene.direction)
    way = rng.uniform(0.5, 1) * (SIZE - 2 * half) / max(abs(dx), abs(dy))
    start = tuple(rng.uniform(half + max(0.0, -d) * way, SIZE - half - max(0.0, d) * way) for d in (dx, dy))
    return replace(scene, start=start)


def sample_twins(rng: random.Random, kinds: Sequence[str] = TWINS) -> tuple[Scene, Scene]:
    """Two scenes of the training split that start alike and differ in one thing only.

    `kinds` are of `TWINS`, as likely as often they are named: where things go, when and how fast, how far a change of
    appearance goes, and what a thing fades to or turns into.
    """
    differing = {
        "ways": _two_ways,
        "paces": _two_paces,
        "amounts": _two_amounts,
        "colours": partial(_two_targets, change="fade"),
        "objects": partial(_two_targets, change="turn"),
    }[rng.choice(kinds)]
    while True:
        one, other = differing(sample_scene(rng), rng)
        if one != other and not is_held_out(one) and not is_held_out(other):
            return one, other


def _two_ways(scene: Scene, rng: random.Random) -> tuple[Scene, Scene]:
    """From the middle in two directions, as far as there is room both ways; the same one for what goes nowhere."""
    if scene.motion not in STRAIGHT:
        return scene, scene
    half = _half(scene)
    start = (rng.gauss(SIZE / 2, 0.06 * SIZE), rng.gauss(SIZE / 2, 0.06 * SIZE))
    directions = scene.direction, rng.choice(tuple(DIRECTIONS))
    room = min(_room(start, _unit(direction), half) for direction in directions)
    scene = replace(scene, start=start, speed=min(max(scene.speed, 0.4), room / (FRAMES - 1)))
    return scene, replace(scene, direction=directions[1])


def _two_paces(scene: Scene, rng: random.Random) -> tuple[Scene, Scene]:
    if scene.motion != "move":
        return scene, scene
    fastest = _room(scene.start, _unit(scene.direction), _half(scene)) / (FRAMES - 1)
    profiles = rng.sample(PROFILES, 2)
    one, other = (replace(scene, profile=profile, speed=rng.uniform(0, fastest)) for profile in profiles)
    return one, other


def _two_amounts(scene: Scene, rng: random.Random) -> tuple[Scene, Scene]:
    if scene.change == "none":
        return scene, scene
    return replace(scene, amount=rng.choice((0.0, rng.uniform(0, 0.3)))), replace(scene, amount=rng.uniform(0.6, 1))


def _two_targets(scene: Scene, rng: random.Random, change: str) -> tuple[Scene, Scene]:
    if scene.change != change:
        return scene, scene
    scene = replace(scene, amount=rng.uniform(0.8, 1))
    return scene, replace(scene, target=_target(scene, rng))


def _sample_split(rng: random.Random, held_out: bool) -> Scene:
    while is_held_out(scene := sample_plot(rng)) != held_out:
        pass
    return scene


def sample_plot(rng: random.Random) -> Scene:
    """A random scene of either split, as far as words tell it: without speed and start."""
    scene = Scene(
        object=rng.choice((*EMOJI, *rng.sample(OBJECTS[len(EMOJI) :], 8))),
        background=rng.choice(tuple(BACKGROUNDS)),
        motion=rng.choices(MOTIONS, (15, 45, 8, 8, 12, 12))[0],
        direction=rng.choice(tuple(DIRECTIONS)),
        size=rng.uniform(26, 36),
        phase=rng.uniform(0, 2 * math.pi),
    )
    return _changing(scene, rng)


def _changing(scene: Scene, rng: random.Random) -> Scene:
    change = rng.choices(CHANGES, (50, 14, 14, 6, 6, 10))[0]
    target = _target(replace(scene, change=change), rng)
    size = 26.0 if change == "grow" else 36.0 if change == "shrink" else scene.size
    amount = rng.choice((0.0, *[rng.random() ** 0.7] * 9))  # sometimes the words say "turns" and the cue says "not"
    return replace(scene, change=change, target=target, size=size, amount=amount)


def _target(scene: Scene, rng: random.Random) -> str:
    if scene.change == "fade":
        return rng.choice([colour for colour in COLOURS if colour not in scene.object])
    if scene.change == "turn":
        return rng.choice([other for other in EMOJI if other != scene.object])
    return ""


def _moving(scene: Scene, rng: random.Random) -> Scene:
    """Chooses a speed that spreads the motion cue evenly over its range, and a start that leaves room for it."""
    half = _half(scene)
    room = SIZE - 2 * half
    anywhere = rng.uniform(half, SIZE - half), rng.uniform(half, SIZE - half)
    if scene.motion == "still":
        return replace(scene, start=anywhere)
    cue_per_pixel = MOTION_SCALE * _change_per_pixel(scene)
    wanted = rng.choice((0.0, *[rng.uniform(0, 1100)] * 15))  # sometimes the words say "moves" and the cue says "not"
    speed = wanted / cue_per_pixel
    if scene.motion in ("bounce", "circle"):
        speed = min(speed, 4.0)
        if scene.motion == "circle":
            radius = 0.5 * room
            anywhere = SIZE / 2 + radius * math.cos(scene.phase), SIZE / 2 + radius * math.sin(scene.phase)
        profile = rng.choices(PROFILES, (44, 12, 12, 10, 10, 12))[0]
        return replace(scene, speed=speed, start=anywhere, profile=profile)
    dx, dy = _unit(scene.direction)
    steps = FRAMES - 1
    speed = min(speed, room / (steps * max(abs(dx), abs(dy))))
    kind = rng.random()
    if kind < 0.4:  # a way that fits its start, so that the start does not give the direction away
        speed = min(speed, _room(anywhere, (dx, dy), half) / steps)
    elif kind < 0.95:  # a start that fits the way; for the others the sprite turns round at the wall
        anywhere = tuple(
            rng.uniform(half + max(0.0, -d) * speed * steps, SIZE - half - max(0.0, d) * speed * steps)
            for d in (dx, dy)
        )
    profile = {"speed up": "rise", "slow down": "fall"}.get(scene.motion) or rng.choices(
        PROFILES, (38, 12, 12, 14, 12, 12)
    )[0]
    return replace(scene, speed=speed, start=anywhere, profile=profile)


def _timed(scene: Scene, rng: random.Random) -> Scene:
    """Every second change of appearance takes a part of the clip only, down to a tenth."""
    if scene.change == "none" or rng.random() < 0.5:
        return scene
    begin = rng.uniform(0, 0.5)
    return replace(scene, span=(begin, rng.uniform(begin + 0.1, 1)))


def _half(scene: Scene) -> float:
    """From the sprite's centre to its side at its largest, in pixels."""
    return 0.5 * (36.0 if scene.change in ("grow", "shrink") else scene.size)


def _room(start: tuple[float, float], way: tuple[float, float], half: float) -> float:
    """How far a sprite can go before it touches a wall, in pixels."""
    ahead = ((SIZE - half - p if d > 0 else p - half) / abs(d) for p, d in zip(start, way, strict=True) if d)
    return max(0.0, min(ahead))


def _change_per_pixel(scene: Scene) -> float:
    """Mean absolute change of the picture when the sprite moves by one pixel."""
    dx, dy = _unit(scene.direction)
    here = replace(scene, change="none", start=(SIZE / 2, SIZE / 2))
    there = replace(here, start=(SIZE / 2 + dx, SIZE / 2 + dy))
    return float((render(here, frames=1) - render(there, frames=1)).abs().mean())


def _unit(direction: str) -> tuple[float, float]:
    dx, dy = DIRECTIONS[direction]
    return dx / math.hypot(dx, dy), dy / math.hypot(dx, dy)


def _steps(profile: str, frames: int) -> torch.Tensor:
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


def path(scene: Scene, frames: int) -> torch.Tensor:
    """Centres of the sprite, (frames, 2) pixels."""
    way = F.pad(torch.cumsum(scene.speed * _steps(scene.profile, frames), 0), (1, 0))
    x, y = scene.start
    if scene.motion == "circle":
        radius = max(math.hypot(x - SIZE / 2, y - SIZE / 2), 1e-3)
        angle = scene.phase + way / radius
        return torch.stack([SIZE / 2 + radius * torch.cos(angle), SIZE / 2 + radius * torch.sin(angle)], 1)
    if scene.motion == "still":
        way = torch.zeros(frames)
    dx, dy = _unit(scene.direction)
    half = 0.5 * scene.size
    return torch.stack([_reflect(p + d * way, half, SIZE - half) for p, d in ((x, dx), (y, dy))], 1)


def _reflect(position: torch.Tensor, low: float, high: float) -> torch.Tensor:
    span = max(high - low, 1e-3)
    return low + span - ((position - low) % (2 * span) - span).abs()


def render(scene: Scene, frames: int = FRAMES) -> torch.Tensor:
    """Draws a scene -> (frames, SIZE, SIZE, 3) in [0, 1]."""
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
        size = size + progress * (40.0 - 26.0) * (1 if scene.change == "grow" else -1)
    ground = torch.tensor(BACKGROUNDS[scene.background]) / 255
    ground = ground.view(1, 3, 1, 1).expand(frames, 3, 1, 1)
    if scene.change == "night":
        ground = torch.lerp(ground, (torch.tensor(NIGHT) / 255).view(1, 3, 1, 1), w)
    placed = F.grid_sample(sprite, _grid(path(scene, frames), size), align_corners=False)
    rgb, alpha = placed[:, :3], placed[:, 3:]
    return rearrange(rgb + (1 - alpha) * ground, "f c h w -> f h w c").clamp(0, 1)


def _grid(centres: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """Where each pixel of each frame looks into the texture, (f, SIZE, SIZE, 2) in -1..1."""
    scale = SIZE / size  # texture half-widths per frame half-width
    shift = -(centres / (SIZE / 2) - 1) * scale[:, None]
    theta = torch.zeros(len(size), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = shift
    return F.affine_grid(theta, [len(size), 1, SIZE, SIZE], align_corners=False)


def caption(scene: Scene, rng: random.Random, tell_change: bool = True) -> str:
    """Says a scene in words, in one of several phrasings."""
    noun = f"{'an' if scene.object[0] in 'aeiou' else 'a'} {scene.object}"
    ground = rng.choice((f"on a {scene.background} background", f"in front of a {scene.background} background"))
    action = _action(scene, rng)
    change = _change(scene, rng) if tell_change and scene.change != "none" else ""
    told = rng.choice(
        (f"{noun} {action} {ground}", f"{noun} {ground} {action}", f"{scene.background} background, {noun} {action}")
    )
    return f"{told}, {change}" if change else told


def describe_end(scene: Scene) -> str:
    """The last frame in words, as a picture: what the change has made of the object and the background."""
    noun = scene.target if scene.change == "turn" else scene.object
    if scene.change == "fade":
        noun = f"{scene.target} {noun.split()[-1]}"
    ground = f"on a {scene.background} background{' at night' if scene.change == 'night' else ''}"
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun} {ground}"


def _action(scene: Scene, rng: random.Random) -> str:
    where = scene.direction
    if "and to the" not in where:
        where = rng.choice((where, f"to the {where}" if where in ("left", "right") else where))
    return {
        "still": rng.choice(("standing still", "not moving", "at rest")),
        "move": rng.choice((f"moving {where}", f"going {where}", f"sliding {where}")),
        "speed up": f"moving {where} faster and faster",
        "slow down": f"moving {where} and slowing down",
        "bounce": rng.choice(("bouncing off the walls", "bouncing around")),
        "circle": rng.choice(("moving in a circle", "going round in a circle")),
    }[scene.motion]


def _change(scene: Scene, rng: random.Random) -> str:
    article = "an" if scene.target[:1] in tuple("aeiou") else "a"
    return {
        "fade": rng.choice((f"fading to {scene.target}", f"turning {scene.target}")),
        "turn": rng.choice((f"turning into {article} {scene.target}", f"becoming {article} {scene.target}")),
        "grow": rng.choice(("growing", "getting bigger")),
        "shrink": rng.choice(("shrinking", "getting smaller")),
        "night": rng.choice(("as day turns to night", "while night falls")),
    }[scene.change]


def vocabulary() -> list[str]:
    """Every word of the captions, sorted."""
    rng = random.Random(0)
    words: set[str] = set()
    for _ in range(8_000):
        scene = sample_plot(rng)
        words.update(f"{caption(scene, rng)} {describe_end(scene)}".replace(",", "").split())
    return sorted(words)
