"""Clips of the sprite world, drawn and encoded the first time they are asked for, then kept."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from . import sprites
from .data import Captions, Clips, Keep, gathered, open_cache, read_clips

AT_FIRST = 2  # files that the first batches are drawn from
TOGETHER = 128  # frames that are encoded at a time


class SpriteClips:
    """Files of `shard_frames` frames in `folder`.

    There are two files at first; after step `start` one more every `grow` steps, until there are `shards`. So training
    starts before all clips are drawn.
    """

    alike = 1  # clips in a row whose captions are phrased alike

    def __init__(
        self,
        folder: Path,
        measure: Keep,
        frames: int,
        *,
        shards: int,
        start: int,
        grow: int,
        size: int,
        seed: int,
        **told: Any,
    ):
        """`told` is what else makes these clips what they are."""
        self.folder, self.measure, self.frames = folder, measure, frames
        self.shards, self.start, self.grow = shards, start, grow
        self.size, self.seed = max(1, size // frames), seed
        open_cache(folder, measure.facts() | {"frames": frames, "clips": self.size, "seed": seed} | told)

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        return gathered([self._pick(step, rng) for _ in range(size)])

    def _pick(self, step: int, rng: random.Random) -> tuple[Clips, int]:
        there = min(self.shards, AT_FIRST + max(0, step - self.start) // self.grow)
        shard = self.shard(rng.randrange(there))
        return shard, rng.randrange(len(shard))

    def shard(self, number: int) -> Clips:
        path = self.folder / f"{number:05d}.pt"
        if not path.exists():
            self._make(number).write(path)
        return read_clips(path)

    def scenes(self, number: int) -> list[sprites.Scene]:
        """Those of a file."""
        return self._scenes(random.Random(f"clips {self.frames} {self.seed} {number}"))

    def _scenes(self, rng: random.Random) -> list[sprites.Scene]:
        return [sprites.sample_scene(rng) for _ in range(self.size)]

    def _make(self, number: int) -> Clips:
        scenes = self.scenes(number)
        told = [captions(scene, f"{self.seed} {number} {i // self.alike}") for i, scene in enumerate(scenes)]
        n = max(1, TOGETHER // self.frames)
        parts = [
            self.measure(torch.stack([sprites.render(s, self.frames) for s in scenes[i : i + n]]), told[i : i + n])
            for i in range(0, len(scenes), n)
        ]
        return gathered([(part, i) for part in parts for i in range(len(part))])


class SpritePictures(SpriteClips):
    """First frames that leave room for what is going to move."""

    def _scenes(self, rng: random.Random) -> list[sprites.Scene]:
        return [sprites.sample_first(rng) for _ in range(self.size)]


class SpriteTwins(SpriteClips):
    """Pairs of clips that differ in one thing only, one after the other, told in the same phrases."""

    alike = 2

    def __init__(self, *args: Any, kinds: Sequence[str], **options: Any):
        """`kinds` are those of `sprites.sample_twins`."""
        self.kinds = kinds
        super().__init__(*args, **options, kinds=list(kinds))

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        pairs = (self._pick(step, rng) for _ in range(size // 2))
        return gathered([(shard, i) for shard, pick in pairs for i in (pick - pick % 2, pick - pick % 2 + 1)])

    def _scenes(self, rng: random.Random) -> list[sprites.Scene]:
        return [scene for _ in range(self.size // 2) for scene in sprites.sample_twins(rng, self.kinds)]


def captions(scene: sprites.Scene, phrasing: str) -> Captions:
    """One that tells everything, and one that leaves the change of appearance to its cue.

    Both tell of night: it changes pixels more than any sprite can. Untold, it would be what most clips at the upper
    end of the motion cue show, and a denoiser asked to move something fast would let night fall.
    """
    told, plain = (random.Random(f"captions {phrasing} {kind}") for kind in ("told", "plain"))
    return sprites.caption(scene, told), sprites.caption(scene, plain, tell_change=scene.change == "night")
