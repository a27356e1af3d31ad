"""The small data sets of the two LoRAs, as videos with captions: a new path, and a new object."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

import av
import torch
from torch import Tensor

from ..scenes import FPS, FRAMES, SIZE, Scene, caption, is_held_out, render, sample_content, sample_scene

KINDS = ("zigzag", "heart")
ADVANCE, HEIGHT, PERIOD = 1.0, 6.0, 16
"""Of the zigzag: pixels to the right a frame, pixels above and below the start, frames from turn to equal turn."""


@dataclass(frozen=True)
class Clip:
    """A scene with its caption, and the centers of the sprite (f, 2) in pixels; None: the path of the scene."""

    scene: Scene
    caption: str
    centers: Tensor | None = None

    def frames(self) -> Tensor:
        return render(self.scene, FRAMES, self.centers)


def zigzag(frames: int = FRAMES) -> Tensor:
    """Displacements from the start (f, 2) in pixels: steadily to the right while it goes down, up and down again."""
    u = torch.arange(frames) / PERIOD
    wave = 1 - 4 * ((u + 0.25) % 1 - 0.5).abs()  # 0, 1 after a quarter of a period, 0, -1, 0 ...
    return torch.stack([ADVANCE * torch.arange(frames), HEIGHT * wave], dim=1)


def zigzag_clip(rng: random.Random, held_out: bool = False) -> Clip:
    """An object of mini's on the new path."""
    while True:
        scene = replace(
            sample_content(rng), motion="zigzag", direction="right", change="none", size=rng.uniform(27, 32)
        )
        if is_held_out(scene) == held_out:
            break
    half, way = scene.size / 2, zigzag()
    low, high = way.min(dim=0).values, way.max(dim=0).values
    start = torch.tensor([rng.uniform(half - float(a), SIZE - half - float(b)) for a, b in zip(low, high, strict=True)])
    text = caption(replace(scene, motion="still"), random.Random(rng.random()))
    for phrase in ("standing still", "not moving", "at rest"):
        text = text.replace(phrase, "moving in a zigzag")
    return Clip(replace(scene, start=(float(start[0]), float(start[1]))), text, start + way)


def known_clip(rng: random.Random, held_out: bool = False) -> Clip:
    """An object of mini's in a scene without a change of appearance."""
    scene = plain_scene(rng, held_out)
    return Clip(scene, caption(scene, rng))


def heart_clip(rng: random.Random, held_out: bool = False) -> Clip:
    """The new object in such a scene."""
    scene = replace(plain_scene(rng, held_out), object="heart")
    return Clip(scene, caption(scene, rng))


def plain_scene(rng: random.Random, held_out: bool) -> Scene:
    while (scene := sample_scene(rng, held_out)).change != "none":
        pass
    return scene


def clips(kind: str, count: int, seed: int = 0, held_out: bool = False) -> list[Clip]:
    """The first clips of a kind: one of KINDS, or "known"."""
    rng = random.Random(f"lora {kind} {seed} {held_out}")
    make = {"zigzag": zigzag_clip, "heart": heart_clip, "known": known_clip}[kind]
    return [make(rng, held_out) for _ in range(count)]


def write_clips(kind: str, out: Path, count: int = 20, known: int = 0, seed: int = 0) -> None:
    """Writes a data set of `python -m higen_core.train`: lossless videos in a folder, each with its caption.

    `known` clips of what the weights can do already are added, so that they do not forget it, as in the prior
    preservation of DreamBooth (Ruiz et al. 2023), where the weights make them.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name, number in ((kind, count), ("known", known)):
        for index, clip in enumerate(clips(name, number, seed)):
            write_clip(clip, out / f"{name}_{index:02d}.mkv")


def write_clip(clip: Clip, path: Path) -> None:
    """Writes a video, and its caption into a text file beside it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=FPS, width=SIZE, height=SIZE, pix_fmt="bgr0")
        for image in (clip.frames() * 255).round().byte().numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    path.with_suffix(".txt").write_text(clip.caption + "\n", encoding="utf-8")
