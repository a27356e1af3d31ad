"""`python -m higen_core.train.sprites.evaluation.parts [COUNT]` measures parts of the image and of the clip.

That is motion inside and outside of a mask, and whether first and last frame show the two images of a prior track. It
prints JSON, whose figures are in the README of mini.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from ....cues.cues import Cues
from ....cues.curves import Curve, appearance_matrix, motion_values
from ....diffusion.noise import draw_video_noise
from ....diffusion.pipeline import sample_video
from ....diffusion.prior_track import blend_priors
from ..scenes import BACKGROUNDS, EMOJI, FRAMES, SIZE, caption, render, texture
from .benchmark import Bench, Model, held_out_scenes
from .metrics import CALM, pearson
from .template_matching import match_frame

HALF = SIZE // 2
SPRITE = 26  # pixels: the smallest that mini was trained on, so that two fit side by side
RISE = Curve(((0.0, 0.1), (1.0, 0.6)), "linear")


def two_objects(background: str, left: str, right: str) -> Tensor:
    """An image (h, w, 3) of two objects, one in each half."""
    image = (torch.tensor(BACKGROUNDS[background]) / 255).view(3, 1, 1).repeat(1, SIZE, SIZE)
    for name, center in ((left, HALF // 2), (right, HALF + HALF // 2)):
        sprite = F.interpolate(texture(name)[None], size=SPRITE, mode="bilinear", antialias=True)[0]
        top, first = (SIZE - SPRITE) // 2, center - SPRITE // 2
        region = image[:, top : top + SPRITE, first : first + SPRITE]
        region.mul_(1 - sprite[3:]).add_(sprite[:3])
    return image.permute(1, 2, 0)


def motion_of_parts(bench: Bench, videos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Motion of the left half, of the right half, and of that without a column of latents beside the left one.

    Returns:
        (n, f - 1) each, in the unit of the cue: of a pixel of that part.
    """
    change = bench.model.unet.info.motion_scale * videos.diff(dim=1).abs().mean(dim=-1)  # n f-1 h w
    apart = HALF + bench.model.vae.downscale
    parts = change[..., :HALF], change[..., HALF:], change[..., apart:]
    left, right, right_apart = (part.mean(dim=(-2, -1)) for part in parts)
    return left, right, right_apart


def motion_brush(bench: Bench, count: int) -> dict[str, float]:
    """Two objects, the left half under a mask: does the left one move as without it, and the right one not?"""
    scenes, _ = held_out_scenes(count, bench.seed + 7, motion=("move",), change=("none",))
    rng = random.Random("brush")
    others = [rng.choice([name for name in EMOJI if name != scene.object]) for scene in scenes]
    images = [two_objects(s.background, s.object, other) for s, other in zip(scenes, others, strict=True)]
    prompts = [f"a {s.object} moving down on a {s.background} background" for s in scenes]
    priors, mask = bench.encode(torch.stack(images)), torch.zeros(1, SIZE, SIZE)
    mask[..., :HALF] = 1
    rise = motion_values(RISE, FRAMES)
    cues = Cues(rise, appearance_matrix(torch.zeros(FRAMES)))
    figures = {}
    for name, asked in (("unmasked", cues), ("masked", cues.masked(mask))):
        inside, outside, apart = motion_of_parts(bench, bench.videos(prompts, priors, asked))
        figures[f"{name}_inside"] = float(inside.mean())
        figures[f"{name}_outside"] = float(outside.mean())
        figures[f"{name}_outside_apart"] = float(apart.mean())
        figures[f"{name}_curve"] = pearson(inside.mean(0), rise.float())
    return figures


@torch.no_grad()
def first_and_last(bench: Bench, count: int) -> dict[str, float]:
    """Images of two objects as first and last frame: how often does the oracle find them there?"""
    scenes, named = held_out_scenes(count, bench.seed + 8, motion=("move",), change=("turn",))
    words = random.Random("track")
    unnamed = [caption(replace(scene, change="none", target="", motion="still"), words) for scene in scenes]
    first = torch.stack([render(replace(s, change="none"), frames=2)[0] for s in scenes])
    last = torch.stack([render(replace(s, object=s.target, change="none"), frames=2)[0] for s in scenes])
    track = blend_priors(torch.stack([bench.encode(first), bench.encode(last)], dim=1), [0, 1], FRAMES)
    encode, side = bench.model.clip.encode_text, SIZE // bench.model.vae.downscale
    noise, offset_noise = draw_video_noise(bench.seed, (count, 4, FRAMES, side, side))
    figures = {}
    ends = (0, FRAMES - 1)
    for name, prompts, keep in (("named", named, ()), ("named_kept", named, ends), ("kept", unnamed, ends)):
        latents = sample_video(
            bench.model.unet,
            encode(prompts),
            encode([""]),
            prior=track,
            cues=Cues.constant(FRAMES, CALM, 1.0),
            noise=noise,
            offset_noise=offset_noise,
            keep=keep,
            steps=bench.steps,
            guidance=bench.video_guidance,
            sampler=bench.sampler,
        )
        videos = bench.model.vae.decode_video(latents, chunk=FRAMES)
        for end, index, attribute in (("first", 0, "object"), ("last", -1, "target")):
            right = [match_frame(v[index]).object == getattr(s, attribute) for s, v in zip(scenes, videos, strict=True)]
            figures[f"{name}_{end}"] = sum(right) / count
        motion = bench.motion(videos)
        figures[f"{name}_last_step"] = float(motion[:, -1].mean())
        figures[f"{name}_median_step"] = float(motion.median())
    return figures


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    bench = Bench(Model.load("mini"), 12, 3.0, 2.0, "dpmpp_2m", 0, tqdm(disable=True))
    print(json.dumps({"motion_brush": motion_brush(bench, count)}, indent=2), flush=True)
    print(json.dumps({"first_and_last": first_and_last(bench, count)}, indent=2))


if __name__ == "__main__":
    main()
