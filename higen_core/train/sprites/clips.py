"""Clips of sprites, drawn and encoded the first time they are needed, then read from files."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..data.clips import ClipEncoder, Clips, collate, open_cache, read_clips
from .scenes import Scene, caption_pair, render, sample_first_frame, sample_pair, sample_scene

FIRST_SHARDS = 2
"""Files that the first batches are drawn from."""
ENCODED_FRAMES = 128
"""Frames that are encoded at a time."""


class SpriteClips:
    """A pool of clips in files of `shard_frames` frames.

    Batches are drawn from FIRST_SHARDS files at first and, after step `start`, from one more every `grow` steps until
    there are `shards`: training starts long before all clips are drawn.
    """

    clips_per_phrasing = 1
    """Clips in a row whose captions are phrased alike."""

    def __init__(
        self,
        folder: Path,
        encoder: ClipEncoder,
        frames: int,
        *,
        shards: int,
        start: int,
        grow: int,
        shard_frames: int,
        seed: int,
        **recipe: Any,
    ):
        """`frames` is the length of a clip; `recipe` is what else the clips depend on, for the check of the cache."""
        self.folder, self.encoder, self.frames = folder, encoder, frames
        self.shards, self.start, self.grow = shards, start, grow
        self.shard_size, self.seed = max(1, shard_frames // frames), seed
        settings = {"frames": frames, "clips": self.shard_size, "seed": seed}
        open_cache(folder, encoder.settings() | settings | recipe)

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        return collate([self._pick(step, rng) for _ in range(size)])

    def _pick(self, step: int, rng: random.Random) -> tuple[Clips, int]:
        available = min(self.shards, FIRST_SHARDS + max(0, step - self.start) // self.grow)
        shard = self.shard(rng.randrange(available))
        return shard, rng.randrange(len(shard))

    def shard(self, number: int) -> Clips:
        """The clips of a file, which is written if it does not exist."""
        path = self.folder / f"{number:05d}.pt"
        if not path.exists():
            self._make(number).write(path)
        return read_clips(path)

    def scenes(self, number: int) -> list[Scene]:
        """The scenes of the clips of a file."""
        return self._sample_scenes(random.Random(f"clips {self.frames} {self.seed} {number}"))

    def _sample_scenes(self, rng: random.Random) -> list[Scene]:
        return [sample_scene(rng) for _ in range(self.shard_size)]

    def _make(self, number: int) -> Clips:
        scenes = self.scenes(number)
        captions = [
            caption_pair(scene, f"{self.seed} {number} {i // self.clips_per_phrasing}")
            for i, scene in enumerate(scenes)
        ]
        n = max(1, ENCODED_FRAMES // self.frames)
        parts = [
            self.encoder(torch.stack([render(s, self.frames) for s in scenes[i : i + n]]), captions[i : i + n])
            for i in range(0, len(scenes), n)
        ]
        return collate([(part, i) for part in parts for i in range(len(part))])


class FirstFrames(SpriteClips):
    """Single images for the spatial stage: first frames that leave room for fast motions."""

    def _sample_scenes(self, rng: random.Random) -> list[Scene]:
        return [sample_first_frame(rng) for _ in range(self.shard_size)]


class HeldOutClips(SpriteClips):
    """Clips whose prompts are not trained on."""

    def _sample_scenes(self, rng: random.Random) -> list[Scene]:
        return [sample_scene(rng, held_out=True) for _ in range(self.shard_size)]


class PairedClips(SpriteClips):
    """Pairs of clips that differ in one attribute, one after the other, with captions in the same phrases."""

    clips_per_phrasing = 2

    def __init__(self, *args: Any, pair_types: Sequence[str], **options: Any):
        """`pair_types` are those of `sample_pair`."""
        self.pair_types = pair_types
        super().__init__(*args, **options, pair_types=list(pair_types))

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        """`size` clips, of which each two in a row are a pair."""
        picks = (self._pick(step, rng) for _ in range(size // 2))
        return collate([(shard, i) for shard, pick in picks for i in (pick - pick % 2, pick - pick % 2 + 1)])

    def _sample_scenes(self, rng: random.Random) -> list[Scene]:
        return [scene for _ in range(self.shard_size // 2) for scene in sample_pair(rng, self.pair_types)]
