"""What the autoencoder and the towers are trained on: single frames and their captions."""

from __future__ import annotations

import random
from typing import Any, Protocol

import torch
from einops import rearrange
from torch import Tensor

from ..config import ImageTraining
from ..loop import process
from .clips import Captions, Clips
from .video_cache import PreparedClips, ShardMaker, counted, make_shards
from .video_frames import Format
from .video_index import parts_of

FEW = 4
"""Frames of a clip that the autoencoder is trained on at a time."""


class ImageDataSet(Protocol):
    """Source of random images.

    words: every word of the captions, sorted.
    texts: texts that together contain every token of the captions.
    """

    words: list[str]
    texts: list[str]

    def frames(self, rng: random.Random) -> tuple[Tensor, Tensor]:
        """Frames of a clip (4, h, w, 3) in [0, 1], and the center (x, y) of what they show, in pixels (4, 2)."""
        ...

    def pair(self, rng: random.Random) -> tuple[Tensor, str]:
        """An image (h, w, 3) in [0, 1] and a text that describes it."""
        ...


def image_data_set(config: ImageTraining) -> ImageDataSet:
    """Frames of videos, which are decoded once, into `config.folder`, by all processes together."""
    format = Format(config.frames, config.fps, config.width, config.height)
    parts = parts_of(config.data)
    folder, workers = str(config.folder / "videos"), max(1, config.workers)
    maker = ShardMaker(folder, (format,), config.windows, config.shard_frames, workers=workers)
    make_shards(maker, parts, PixelEncoder(), process())
    return VideoImages(counted(PreparedClips(folder, len(parts)), process()))


class VideoImages:
    """Any frame goes with its video's caption."""

    def __init__(self, clips: PreparedClips):
        self.clips = clips
        self.texts = sorted(set(clips.captions()))
        self.words = sorted({word.strip(".,;:!?\"'()") for text in self.texts for word in text.lower().split()} - {""})

    def frames(self, rng: random.Random) -> tuple[Tensor, Tensor]:
        frames, _ = self._clip(rng)
        chosen = frames[sorted(rng.choices(range(len(frames)), k=FEW))]
        height, width = frames.shape[1:3]
        return chosen, torch.tensor([(rng.uniform(0, width), rng.uniform(0, height)) for _ in chosen])

    def pair(self, rng: random.Random) -> tuple[Tensor, str]:
        frames, caption = self._clip(rng)
        return frames[rng.randrange(len(frames))], caption

    def _clip(self, rng: random.Random) -> tuple[Tensor, str]:
        """(f, h, w, 3) in [0, 1], and its caption."""
        clips = self.clips.draw(1, 0, rng)
        return rearrange(clips.latents[0], "c f h w -> f h w c") / 255, clips.captions[0][0]


class PixelEncoder:
    """Keeps frames as they are, 8 bits a channel, in place of latents; measures no cues."""

    def __call__(self, frames: Tensor, captions: list[Captions]) -> Clips:
        n, f = frames.shape[:2]
        pixels = (rearrange(frames, "n f h w c -> n c f h w") * 255).round().byte()
        cues = torch.zeros(n, f - 1).short(), torch.ones(n, f, f).half()
        return Clips(pixels, *cues, captions, text=torch.zeros(n, len(captions[0]), 0, 0))

    def settings(self) -> dict[str, Any]:
        return {"content": "pixels"}
