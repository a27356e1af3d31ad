"""Clips as the denoiser's training sees them: latents, cues measured on the pixels, and words. Computed once a clip."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch
from einops import rearrange
from torch import Tensor

from ..cues import measure_motion, similarity
from ..text import CLIP
from ..vae import VAE
from . import sprites
from .networks import fingerprint

Captions = tuple[str, str]
TOGETHER = 2**19
"""Pixels that are encoded at a time: 128 pictures of 64x64, or 4 of 448x256."""


@dataclass(frozen=True)
class Clips:
    """n clips of f frames: latents (n, 4, f, h, w), motion (n, f - 1), appearance (n, f, f), two captions each.

    The second caption does not mention a change of appearance, if the first one does.
    """

    latents: Tensor
    motion: Tensor
    appearance: Tensor
    captions: list[Captions]

    def __len__(self) -> int:
        return len(self.captions)

    def write(self, path: Path) -> None:
        """Never half a file, also when several processes write the same one."""
        partial = path.with_suffix(f".{os.getpid()}.partial")
        torch.save(vars(self) | {"captions": json.dumps(self.captions)}, partial)
        os.replace(partial, path)


@lru_cache(maxsize=1024)
def read_clips(path: Path) -> Clips:
    """Mapped from the file: memory holds what was drawn lately, however large the data set is."""
    tensors = torch.load(path, weights_only=True, mmap=True)
    return Clips(**tensors | {"captions": [tuple(pair) for pair in json.loads(tensors["captions"])]})


class Pool(Protocol):
    """Clips of `frames` frames each; one frame is a picture."""

    frames: int

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        """Random ones of those that are there at a step of the training."""
        ...


def gathered(picks: list[tuple[Clips, int]]) -> Clips:
    """Clip number i of each."""
    parts = ((clips.latents[i], clips.motion[i], clips.appearance[i]) for clips, i in picks)
    latents, motion, appearance = (torch.stack(part) for part in zip(*parts, strict=True))
    return Clips(latents, motion, appearance, [clips.captions[i] for clips, i in picks])


class Keep(Protocol):
    """What is kept of decoded clips."""

    def __call__(self, frames: Tensor, captions: list[Captions]) -> Clips:
        """(n, f, h, w, 3) in [0, 1]"""
        ...

    def facts(self) -> dict[str, Any]:
        """Equal if it keeps the same."""
        ...


@dataclass(frozen=True)
class Measure:
    """What turns frames into clips. `floor` is the cosine of image embeddings that reads as appearance 0."""

    vae: VAE
    clip: CLIP
    motion_scale: float
    floor: float

    @torch.no_grad()
    def __call__(self, frames: Tensor, captions: list[Captions]) -> Clips:
        """(n, f, h, w, 3) in [0, 1]; cues are those of `extract_cues` on the same frames."""
        b, device = len(frames), next(self.vae.parameters()).device
        frames = frames.to(device)
        pixels = rearrange(frames * 2 - 1, "b f h w c -> (b f) c h w").contiguous()
        with torch.autocast(device.type, torch.bfloat16):
            latents = encoded(self.vae, pixels)
        latents = rearrange(latents.half().cpu(), "(b f) c h w -> b c f h w", b=b)
        seen = rearrange(self.clip.encode_image(rearrange(frames, "b f h w c -> (b f) h w c")), "(b f) d -> b f d", b=b)
        motion = measure_motion(frames, self.motion_scale).short().cpu()
        return Clips(latents, motion, similarity(seen, self.floor).half().cpu(), captions)

    def facts(self) -> dict[str, Any]:
        return {
            "vae": fingerprint(self.vae),
            "clip": fingerprint(self.clip),
            "motion_scale": self.motion_scale,
            "similarity_floor": self.floor,
        }


def encoded(vae: VAE, pixels: Tensor) -> Tensor:
    """Latents of pictures (b, 3, h, w) in [-1, 1], a few at a time."""
    parts = pixels.split(max(1, TOGETHER // pixels[0, 0].numel()))
    return torch.cat([vae.encode(part) for part in parts])


def open_cache(folder: Path, facts: dict[str, Any]) -> None:
    """Refuses clips in `folder` that were made in another way than `facts` say now."""
    path = folder / "made_with.json"
    if path.exists():
        before = json.loads(path.read_text())
        for name, value in facts.items():
            if before.get(name) != value:
                raise ValueError(
                    f"the clips in {folder} were made with {name} {before.get(name)!r}, now it is {value!r}: "
                    "delete that folder or choose another out"
                )
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(facts, indent=2) + "\n")
    os.replace(partial, path)


def sprite_pictures(label: str, count: int, seed: int = 0) -> Tensor:
    """Random scenes of sprites (count, h, w, 3), the same for the same label."""
    rng = random.Random(f"{label} {seed}")
    return torch.stack([sprites.render(sprites.sample_still(rng), frames=1)[0] for _ in range(count)])


@torch.no_grad()
def similarity_floor(clip: CLIP, pictures: Tensor) -> float:
    """The similarity of pictures (n, h, w, 3) that have nothing in common: the 5th percentile over all pairs."""
    if len(pictures) < 2:
        raise ValueError("similarity_floor has to be set: one picture is not enough to measure it")
    unit = torch.nn.functional.normalize(clip.encode_image(pictures), dim=-1)
    pairs = (unit @ unit.mT)[tuple(torch.triu_indices(len(pictures), len(pictures), offset=1))]
    return round(float(pairs.quantile(0.05)), 3)


@torch.no_grad()
def rgb_factors(vae: VAE, pictures: Tensor) -> dict[str, list]:
    """The linear map from scaled latents to colours in [-1, 1] with the least error, for quick previews.

    `rgb_factors` is 4 x 3, `rgb_bias` has 3 entries.
    """
    pixels = rearrange(pictures * 2 - 1, "b h w c -> b c h w").contiguous()
    small = torch.nn.functional.avg_pool2d(pixels, vae.downscale)
    latents = rearrange(encoded(vae, pixels), "b c h w -> (b h w) c").cpu()
    inputs = torch.cat([latents, torch.ones(len(latents), 1)], dim=1)
    solution = torch.linalg.lstsq(inputs, rearrange(small, "b c h w -> (b h w) c").cpu()).solution
    rounded = [[round(value, 4) for value in row] for row in solution.tolist()]
    return {"rgb_factors": rounded[:-1], "rgb_bias": rounded[-1]}
