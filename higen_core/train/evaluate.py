"""Measures what a denoiser of sprites makes of prompts and cues, with an oracle that took no part in training.

Writes `evaluation.json` and `evaluation.png`, a contact sheet: each prompt with its prior and four frames.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from tqdm import tqdm

from ..checkpoint import load_clip, load_unet, load_vae
from ..cues import Cues, measure_motion
from ..pipeline import draw_noise, draw_video_noise, sample_prior, sample_video
from ..text import CLIP
from ..unet import UNet
from ..vae import VAE
from . import oracle, sprites

BATCH = 8


@dataclass(frozen=True)
class Model:
    unet: UNet
    vae: VAE
    clip: CLIP

    @classmethod
    def load(cls, folder: str | Path) -> Model:
        """From a folder with denoiser, vae and clip, or the bundled "mini"."""
        if folder == "mini":
            return cls(load_unet("mini"), load_vae("mini"), load_clip("mini"))
        denoiser, vae, clip = (Path(folder) / f"{name}.safetensors" for name in ("denoiser", "vae", "clip"))
        return cls(load_unet(denoiser), load_vae(vae), load_clip(clip))

    @torch.no_grad()
    def make(self, prompts: list[str], cues: Cues, seed: int, steps: int, guidance: float) -> tuple[Tensor, Tensor]:
        """Priors (b, h, w, 3) and videos (b, f, h, w, 3) in [0, 1]."""
        side, frames, b = sprites.SIZE // self.vae.downscale, cues.frames, len(prompts)
        text, uncond = self.clip.encode_text(prompts), self.clip.encode_text([""])
        how = {"steps": steps, "guidance": guidance}
        prior = sample_prior(self.unet, text, uncond, noise=draw_noise(seed, (b, 4, 1, side, side)), **how)
        noise, offset = draw_video_noise(seed, (b, 4, frames, side, side))
        video = sample_video(self.unet, text, uncond, prior=prior, cues=cues, noise=noise, offset_noise=offset, **how)
        pictures = self.vae.decode_video(rearrange(prior, "b c h w -> b c 1 h w"))[:, 0]
        return pictures, self.vae.decode_video(video)


def prompts_of(scenes: list[sprites.Scene], seed: int) -> list[str]:
    rng = random.Random(f"prompts {seed}")
    return [sprites.caption(scene, rng) for scene in scenes]


def fixed_scenes(count: int, seed: int = 0, **wanted: Any) -> list[sprites.Scene]:
    """Held-out scenes; `wanted` restricts fields, such as change="none"."""
    rng = random.Random(f"evaluate {seed}")
    scenes: list[sprites.Scene] = []
    while len(scenes) < count:
        scene = sprites.sample_plot(rng)
        if sprites.is_held_out(scene) and all(getattr(scene, name) in values for name, values in wanted.items()):
            scenes.append(scene)
    return scenes


def evaluate(model: Model, count: int, steps: int, guidance: float, seed: int = 0) -> tuple[dict[str, Any], Tensor]:
    """Prompts that move in a straight line without a change of appearance, at motion 600 and at motion 50."""
    scenes = fixed_scenes(count, seed, motion=("move",), change=("none",))
    prompts = prompts_of(scenes, seed)
    rows, results = [], []
    bar = tqdm(total=count, desc="evaluating", unit="prompt")
    for start in range(0, count, BATCH):
        part = slice(start, start + BATCH)
        fast, slow = (
            model.make(prompts[part], Cues.constant(sprites.FRAMES, motion, 0.0), seed + start, steps, guidance)
            for motion in (600, 50)
        )
        for scene, prior, video, slower in zip(scenes[part], *fast, slow[1], strict=True):
            results.append(_judge(scene, prior, video, slower))
            rows.append(torch.cat([prior, *video[[0, 5, 10, 15]]], dim=1))
            bar.update()
    share = {key: sum(r[key] for r in results) / count for key in results[0]}
    scale = model.unet.info["motion_scale"] / sprites.MOTION_SCALE
    share |= {key: share[key] * scale for key in ("motion_at_600", "motion_at_50")}
    share["motion_ratio"] = share["motion_at_600"] / max(share["motion_at_50"], 1e-6)
    figures = {"prompts": count, "steps": steps, "guidance": guidance, "oracle": oracle.accuracy(100), **share}
    return figures, _sheet(rows)


def _judge(scene: sprites.Scene, prior: Tensor, video: Tensor, slower: Tensor) -> dict[str, float]:
    seen, last = oracle.look(prior), oracle.look(video[-1])
    (x0, y0), (x1, y1) = (oracle.look(video[i]).centre for i in (0, -1))
    dx, dy = sprites.DIRECTIONS[scene.direction]
    moved = math.hypot(x1 - x0, y1 - y0)
    cosine = ((x1 - x0) * dx + (y1 - y0) * dy) / (math.hypot(dx, dy) * max(moved, 1e-6))
    return {
        "object_in_prior": seen.object == scene.object,
        "object_in_video": last.object == scene.object,
        "background": last.background == scene.background,
        "direction": moved > 2 and cosine > math.cos(math.pi / 8),
        "motion_at_600": float(measure_motion(video, sprites.MOTION_SCALE).float().mean()),
        "motion_at_50": float(measure_motion(slower, sprites.MOTION_SCALE).float().mean()),
    }


def _sheet(rows: list[Tensor], columns: int = 4) -> Tensor:
    """Rows of equal shape (h, w, 3) as a grid of `columns`."""
    rows = rows[: len(rows) // columns * columns]
    return torch.cat([torch.cat(list(strip), dim=1) for strip in _chunks(rows, columns)])


def _chunks(items: list[Tensor], size: int) -> Iterator[list[Tensor]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def main(folder: str, out: Path, count: int = 32, steps: int = 50, guidance: float = 4.0, seed: int = 0) -> None:
    from PIL import Image

    figures, sheet = evaluate(Model.load(folder), count, steps, guidance, seed)
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(figures, indent=2) + "\n")
    Image.fromarray((sheet * 255).round().byte().numpy()).save(out / "evaluation.png")
    print(json.dumps(figures, indent=2))
