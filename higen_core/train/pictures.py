"""What the autoencoder and the towers are trained on: single frames and their words, of sprites or of real videos."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Protocol

import torch
from einops import rearrange
from torch import Tensor

from . import sprites
from .config import PictureTraining
from .data import Captions, Clips
from .loop import process
from .video_clips import Format, VideoClips
from .videos import parts_of

FEW = 4
"""Frames of a clip that the autoencoder sees at a time."""


class Pictures(Protocol):
    words: list[str]
    """Every word of the captions, sorted."""

    texts: list[str]
    """Between them they have every token of the captions."""

    def frames(self, rng: random.Random) -> tuple[Tensor, Tensor]:
        """Frames of a clip (4, h, w, 3) in [0, 1], and where there is something to see (4, 2), pixels (x, y)."""
        ...

    def pair(self, rng: random.Random) -> tuple[Tensor, str]:
        """A picture (h, w, 3) in [0, 1] and a text that describes it."""
        ...

    def ending(self, rng: random.Random) -> tuple[Tensor, str]:
        """The last picture of any clip (h, w, 3) in [0, 1], and the clip's caption."""
        ...


def pictures_of(config: PictureTraining) -> Pictures:
    """Those that the config names; real ones are decoded once, into `config.folder`, by all processes together."""
    if config.data == "sprites":
        return SpritePictures()
    size = Format(config.frames, config.fps, config.width, config.height)
    parts, folder = parts_of(config.data), config.folder / "videos"
    clips = VideoClips(folder, parts, Pixels(), size, windows=config.windows, size=config.shard_frames)
    clips.prepare(process())
    return VideoPictures(clips)


class SpritePictures:
    """Drawn on the fly."""

    def __init__(self):
        self.words = sprites.vocabulary()
        self.texts = [*self.words, *(f"{word}, " for word in self.words)]

    def frames(self, rng: random.Random) -> tuple[Tensor, Tensor]:
        scene = sprites.sample_scene(rng)
        return sprites.render(scene, frames=FEW), sprites.path(scene, frames=FEW)

    def pair(self, rng: random.Random) -> tuple[Tensor, str]:
        """A picture before or after its change of appearance, and a description or a whole caption."""
        scene = sprites.sample_still(rng)
        if rng.random() < 0.5:
            return _last(scene), sprites.describe_end(scene)
        picture = sprites.render(scene, frames=1)[0]
        if rng.random() < 0.7:
            return picture, sprites.caption(scene, rng, tell_change=False)
        return picture, sprites.describe_end(replace(scene, change="none"))

    def ending(self, rng: random.Random) -> tuple[Tensor, str]:
        scene = sprites.sample_still(rng)
        return _last(scene), sprites.caption(scene, rng)


def _last(scene: sprites.Scene) -> Tensor:
    """What a change of appearance leads to when it goes all the way, (h, w, 3)."""
    return sprites.render(replace(scene, amount=1.0), frames=2)[-1]


class VideoPictures:
    """Any frame goes with its video's caption."""

    def __init__(self, clips: VideoClips):
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

    def ending(self, rng: random.Random) -> tuple[Tensor, str]:
        frames, caption = self._clip(rng)
        return frames[-1], caption

    def _clip(self, rng: random.Random) -> tuple[Tensor, str]:
        """(f, h, w, 3) in [0, 1], and its caption."""
        clips = self.clips.draw(1, 0, rng)
        return rearrange(clips.latents[0], "c f h w -> f h w c") / 255, clips.captions[0][0]


class Pixels:
    """In place of `Measure`: keeps pictures as they are, 8 bits a channel, and measures nothing."""

    def __call__(self, frames: Tensor, captions: list[Captions]) -> Clips:
        n, f = frames.shape[:2]
        pixels = (rearrange(frames, "n f h w c -> n c f h w") * 255).round().byte()
        return Clips(pixels, torch.zeros(n, f - 1).short(), torch.ones(n, f, f).half(), captions)

    def facts(self) -> dict[str, Any]:
        return {"kept": "pixels"}
