"""Clips as the denoiser's training sees them: latents, cues measured on the pixels, and words. Computed once a clip."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from ..cues import measure_motion, similarity
from ..text import CLIP
from ..vae import VAE
from . import sprites

SHARD_FRAMES = 4096  # frames of a shard: 256 clips of 16 frames, or 4096 pictures


@dataclass(frozen=True)
class Clips:
    """n clips of f frames: latents (n, 4, f, h, w), motion (n, f - 1), appearance (n, f, f), two captions each.

    The second caption does not mention the change of appearance.
    """

    latents: Tensor
    motion: Tensor
    appearance: Tensor
    captions: list[tuple[str, str]]

    def __len__(self) -> int:
        return len(self.captions)


class SpriteClips:
    """Shards of sprite clips, drawn and encoded the first time they are asked for, then kept in `folder`.

    Clips of one frame are pictures: the first frames of other clips.
    """

    def __init__(self, folder: Path, frames: int, vae: VAE, clip: CLIP, floor: float, seed: int = 0):
        self.folder, self.frames, self.vae, self.clip, self.floor, self.seed = folder, frames, vae, clip, floor, seed
        self.loaded: dict[int, Clips] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def shard(self, number: int) -> Clips:
        if number not in self.loaded:
            path = self.folder / f"{number:05d}.pt"
            if not path.exists():
                self._write(path, self._make(number))
            tensors = torch.load(path, weights_only=True)
            self.loaded[number] = Clips(**tensors | {"captions": json.loads(tensors["captions"])})
        return self.loaded[number]

    @torch.no_grad()
    def _make(self, number: int) -> Clips:
        rng = random.Random(f"clips {self.frames} {self.seed} {number}")
        scenes = [sprites.sample_scene(rng) for _ in range(SHARD_FRAMES // self.frames)]
        captions = [(sprites.caption(s, rng), sprites.caption(s, rng, tell_change=False)) for s in scenes]
        n = 128 // self.frames
        parts = [
            self._encode(torch.stack([sprites.render(s, self.frames) for s in scenes[i : i + n]]))
            for i in range(0, len(scenes), n)
        ]
        latents, motion, appearance = (torch.cat(part) for part in zip(*parts, strict=True))
        return Clips(latents, motion, appearance, captions)

    def _encode(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, f, h, w, 3) in [0, 1] -> latents, motion, appearance."""
        b = len(frames)
        pixels = rearrange(frames * 2 - 1, "b f h w c -> (b f) c h w").contiguous()
        with torch.autocast(pixels.device.type, torch.bfloat16):
            latents = self.vae.encode(pixels)
        latents = rearrange(latents.float(), "(b f) c h w -> b c f h w", b=b)
        seen = rearrange(self.clip.encode_image(rearrange(frames, "b f h w c -> (b f) h w c")), "(b f) d -> b f d", b=b)
        return latents.half(), measure_motion(frames, sprites.MOTION_SCALE).short(), similarity(seen, self.floor).half()

    @staticmethod
    def _write(path: Path, clips: Clips) -> None:
        partial = path.with_suffix(".partial")
        torch.save(vars(clips) | {"captions": json.dumps(clips.captions)}, partial)
        os.replace(partial, path)


@torch.no_grad()
def similarity_floor(clip: CLIP, seed: int = 0, clips: int = 256) -> float:
    """What reads as appearance 0: the similarity of first and last frame in the 5 % of changing clips that change most.

    So the clips fill the range of the cue, as `sprites.MOTION_SCALE` makes them fill that of motion.
    """
    rng = random.Random(f"floor {seed}")
    scenes = (sprites.sample_scene(rng) for _ in count())
    changing = islice((scene for scene in scenes if scene.change != "none"), clips)
    ends = torch.stack([sprites.render(scene, frames=2) for scene in changing])
    first, last = clip.encode_image(rearrange(ends, "n e h w c -> (e n) h w c")).chunk(2)
    return round(float(torch.cosine_similarity(first, last).quantile(0.05)), 3)


@torch.no_grad()
def rgb_factors(vae: VAE, seed: int = 0, pictures: int = 128) -> dict[str, list]:
    """The linear map from scaled latents to colours in [-1, 1] with the least error, for quick previews.

    `rgb_factors` is 4 x 3, `rgb_bias` has 3 entries.
    """
    rng = random.Random(f"rgb {seed}")
    frames = torch.stack([sprites.render(sprites.sample_still(rng), frames=1)[0] for _ in range(pictures)])
    pixels = rearrange(frames * 2 - 1, "b h w c -> b c h w").contiguous()
    small = torch.nn.functional.avg_pool2d(pixels, vae.downscale)
    latents = rearrange(vae.encode(pixels), "b c h w -> (b h w) c")
    inputs = torch.cat([latents, torch.ones(len(latents), 1)], dim=1)
    solution = torch.linalg.lstsq(inputs, rearrange(small, "b c h w -> (b h w) c")).solution
    rounded = [[round(value, 4) for value in row] for row in solution.tolist()]
    return {"rgb_factors": rounded[:-1], "rgb_bias": rounded[-1]}
