"""Clips of the sprite world, drawn and encoded the first time they are asked for, then kept."""

from __future__ import annotations

import random
from pathlib import Path

import torch

from . import sprites
from .data import Clips, Measure, gathered, open_cache, read_clips

AT_FIRST = 2  # files that the first batches are drawn from
TOGETHER = 128  # frames that are encoded at a time


class SpriteClips:
    """Files of `shard_frames` frames in `folder`: clips, or pictures, which are the first frames of other clips.

    There are two files at first; after step `start` one more every `grow` steps, until there are `shards`. So training
    starts before all clips are drawn.
    """

    def __init__(
        self, folder: Path, measure: Measure, frames: int, *, shards: int, start: int, grow: int, size: int, seed: int
    ):
        self.folder, self.measure, self.frames = folder, measure, frames
        self.shards, self.start, self.grow = shards, start, grow
        self.size, self.seed = max(1, size // frames), seed
        open_cache(folder, measure.facts() | {"frames": frames, "clips": self.size, "seed": seed})

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        there = min(self.shards, AT_FIRST + max(0, step - self.start) // self.grow)
        picks = [(shard := self.shard(rng.randrange(there)), rng.randrange(len(shard))) for _ in range(size)]
        return gathered(picks)

    def shard(self, number: int) -> Clips:
        path = self.folder / f"{number:05d}.pt"
        if not path.exists():
            self._make(number).write(path)
        return read_clips(path)

    def _make(self, number: int) -> Clips:
        rng = random.Random(f"clips {self.frames} {self.seed} {number}")
        scenes = [sprites.sample_scene(rng) for _ in range(self.size)]
        captions = [(sprites.caption(s, rng), sprites.caption(s, rng, tell_change=False)) for s in scenes]
        n = max(1, TOGETHER // self.frames)
        parts = [
            self.measure(torch.stack([sprites.render(s, self.frames) for s in scenes[i : i + n]]), captions[i : i + n])
            for i in range(0, len(scenes), n)
        ]
        return gathered([(part, i) for part in parts for i in range(len(part))])
