"""Captions of scenes, in one of several phrasings, and the words that they are made of."""

from __future__ import annotations

import random

from .sampling import sample_content
from .scene import Scene


def caption(scene: Scene, rng: random.Random, mention_change: bool = True) -> str:
    """A description of the whole clip."""
    noun = _with_article(scene.object)
    background = rng.choice((f"on a {scene.background} background", f"in front of a {scene.background} background"))
    motion = _motion_phrase(scene, rng)
    change = _change_phrase(scene, rng) if mention_change and scene.change != "none" else ""
    sentence = rng.choice(
        (
            f"{noun} {motion} {background}",
            f"{noun} {background} {motion}",
            f"{scene.background} background, {noun} {motion}",
        )
    )
    return f"{sentence}, {change}" if change else sentence


def caption_pair(scene: Scene, phrasing: str) -> tuple[str, str]:
    """A caption with the change of appearance, and one that leaves it to the cue; equal `phrasing`, equal phrases.

    Nightfall is in both: it changes more pixels than any sprite can. If captions left it out, it would be what most
    clips at the upper end of the motion cue show, and a denoiser asked for a fast motion would produce nightfall.
    """
    labels = ("told", "plain")  # of the random streams that mini was trained on
    full, plain = (random.Random(f"captions {phrasing} {label}") for label in labels)
    return caption(scene, full), caption(scene, plain, mention_change=scene.change == "night")


def describe_final_frame(scene: Scene) -> str:
    """The last frame as an image: what the change has made of the object and the background."""
    noun = scene.target if scene.change == "turn" else scene.object
    if scene.change == "fade":
        noun = f"{scene.target} {noun.split()[-1]}"
    background = f"on a {scene.background} background{' at night' if scene.change == 'night' else ''}"
    return f"{_with_article(noun)} {background}"


def vocabulary() -> list[str]:
    """Every word of the captions, sorted."""
    rng = random.Random(0)
    words: set[str] = set()
    for _ in range(8_000):
        scene = sample_content(rng)
        words.update(f"{caption(scene, rng)} {describe_final_frame(scene)}".replace(",", "").split())
    return sorted(words)


def _with_article(noun: str) -> str:
    return f"{'an' if noun[:1] in tuple('aeiou') else 'a'} {noun}"


def _motion_phrase(scene: Scene, rng: random.Random) -> str:
    direction = scene.direction
    if "and to the" not in direction:
        direction = rng.choice((direction, f"to the {direction}" if direction in ("left", "right") else direction))
    return {
        "still": rng.choice(("standing still", "not moving", "at rest")),
        "move": rng.choice((f"moving {direction}", f"going {direction}", f"sliding {direction}")),
        "speed up": f"moving {direction} faster and faster",
        "slow down": f"moving {direction} and slowing down",
        "bounce": rng.choice(("bouncing off the walls", "bouncing around")),
        "circle": rng.choice(("moving in a circle", "going round in a circle")),
    }[scene.motion]


def _change_phrase(scene: Scene, rng: random.Random) -> str:
    target = _with_article(scene.target)
    return {
        "fade": rng.choice((f"fading to {scene.target}", f"turning {scene.target}")),
        "turn": rng.choice((f"turning into {target}", f"becoming {target}")),
        "grow": rng.choice(("growing", "getting bigger")),
        "shrink": rng.choice(("shrinking", "getting smaller")),
        "night": rng.choice(("as day turns to night", "while night falls")),
    }[scene.change]
