"""The measurements of whether prompts and cues are followed, one function each. `report.py` runs them all.

Every figure comes from template matching, which took no part in training, or from pixels.
"""

from __future__ import annotations

import math
import random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ....cues.cues import Cues
from ....cues.curves import appearance_matrix
from ..scenes import DIRECTIONS, FRAMES, SIZE, Scene, render, sample_scene
from .benchmark import Bench, held_out_scenes
from .template_matching import match_frame, track_sprite

CALM = 300  # a motion that crosses a sixth of the frame: every prior leaves room for it
CHECKED_FRAMES = (5, 10, 15)  # in which the object and background of an image prior have to be recognized
STRAIGHT = {"motion": ("move",), "change": ("none",)}
"""Scenes that most figures are measured on."""


def prompt_fidelity(bench: Bench, count: int) -> tuple[dict[str, float], Tensor]:
    """Straight motions without a change of appearance, at a calm motion: does the video show what the prompt says?

    Also returns the contact sheet: each prior with four frames of its video.
    """
    scenes, prompts = held_out_scenes(count, bench.seed, **STRAIGHT)
    priors = bench.priors(prompts)
    images, videos = bench.decode(priors), bench.videos(prompts, priors, Cues.constant(FRAMES, CALM, 0.0))
    return _prompt_figures(bench, scenes, images, videos)


def baseline_fidelity(bench: Bench, count: int) -> tuple[dict[str, float], Tensor]:
    """The prompts of `prompt_fidelity` without prior and cues, for a network that was trained without them."""
    scenes, prompts = held_out_scenes(count, bench.seed, **STRAIGHT)
    side = SIZE // bench.model.vae.downscale
    videos = bench.videos(prompts, torch.zeros(count, 4, side, side), Cues.null(FRAMES))
    return _prompt_figures(bench, scenes, videos[:, 0], videos)


def _prompt_figures(
    bench: Bench, scenes: list[Scene], images: Tensor, videos: Tensor
) -> tuple[dict[str, float], Tensor]:
    checks = [check_video(*case) for case in zip(scenes, images, videos, strict=True)]
    figures = {name: sum(check[name] for check in checks) / len(scenes) for name in checks[0]}
    renders = torch.stack([render(scene) for scene in scenes])
    figures["frechet"] = frechet_distance(bench.features(videos), bench.features(renders))
    strips = [torch.cat([a, *v[[0, 5, 10, 15]]], dim=1) for a, v in zip(images, videos, strict=True)]
    return figures, _contact_sheet(strips)


def check_video(scene: Scene, image: Tensor, video: Tensor) -> dict[str, float]:
    first, last, track = match_frame(image), match_frame(video[-1]), track_sprite(video)
    displacement = track.centers[-1] - track.centers[0]
    direction = torch.tensor(DIRECTIONS[scene.direction], dtype=displacement.dtype)
    cosine = torch.cosine_similarity(displacement, direction, dim=0)
    return {
        "object_in_prior": first.object == scene.object,
        "object_in_video": last.object == scene.object,
        "background": last.background == scene.background,
        "direction": bool(displacement.norm() > 2 and cosine > math.cos(math.pi / 8)),
        "flicker": track.flicker,
    }


def motion_sweep(bench: Bench, count: int) -> dict[str, Any]:
    """One seed, one prior, motion 0, 50, 100, 200 ... 1000: the motion and the change of appearance that come out."""
    _, prompts = held_out_scenes(count, bench.seed + 1, **STRAIGHT)
    priors, requested = bench.priors(prompts), [0, 50, *range(100, 1001, 100)]
    motion, change = [], []
    for value in requested:
        videos = bench.videos(prompts, priors, Cues.constant(FRAMES, value, 0.0))
        motion.append(float(bench.motion(videos).mean()))
        change.append(_final_change(videos))
    ratio = motion[requested.index(600)] / max(motion[1], 1e-6)
    return {"requested": requested, "motion": motion, "change": change, "ratio_600_to_50": ratio}


def appearance_sweep(bench: Bench, count: int) -> dict[str, Any]:
    """One seed, one prior, appearance factor 0, 0.1 ... 1, with prompts that name a change of appearance."""
    _, prompts = held_out_scenes(count, bench.seed + 2, motion=("move",), change=("fade", "turn"))
    priors, requested = bench.priors(prompts), [k / 10 for k in range(11)]
    motion, change = [], []
    for value in requested:
        videos = bench.videos(prompts, priors, Cues.constant(FRAMES, CALM, value))
        motion.append(float(bench.motion(videos).mean()))
        change.append(_final_change(videos))
    return {"requested": requested, "motion": motion, "change": change}


def target_fidelity(bench: Bench, count: int) -> dict[str, float]:
    """Of prompts that name what an object turns into, the fraction whose last frame shows the right object.

    That is the target at appearance factor 1 (reached), and the first object at 0 (kept).
    """
    scenes, prompts = held_out_scenes(count, bench.seed + 5, motion=("move",), change=("turn",))
    priors, fractions = bench.priors(prompts), {}
    for name, factor, attribute in (("reached", 1.0, "target"), ("kept", 0.0, "object")):
        ends = bench.videos(prompts, priors, Cues.constant(FRAMES, CALM, factor))[:, -1]
        right = (match_frame(end).object == getattr(scene, attribute) for scene, end in zip(scenes, ends, strict=True))
        fractions[name] = sum(right) / count
    return fractions


def schedule_correlations(bench: Bench, count: int) -> dict[str, float]:
    """Mean Pearson correlation, over videos, of the requested and the measured motion from frame to frame."""
    _, prompts = held_out_scenes(count, bench.seed + 3, **STRAIGHT)
    priors, u = bench.priors(prompts), torch.linspace(0, 1, FRAMES - 1)
    constant = appearance_matrix(torch.zeros(FRAMES))
    correlations = {}
    for name, curve in {"rise": u, "fall": 1 - u, "pulse": torch.sin(math.pi * u) ** 2}.items():
        requested = (50 + 650 * curve).round().long()
        measured = bench.motion(bench.videos(prompts, priors, Cues(requested, constant)))
        correlations[name] = sum(pearson(requested.float(), row) for row in measured) / count
    return correlations


def image_prior_fidelity(bench: Bench, count: int) -> float:
    """Fraction of images of held-out scenes, given as priors, whose object and background last through the video."""
    scenes, prompts = held_out_scenes(count, bench.seed + 4, **STRAIGHT)
    priors = bench.encode(torch.cat([render(scene, frames=1) for scene in scenes]))
    videos = bench.videos(prompts, priors, Cues.constant(FRAMES, CALM, 0.0))
    kept = 0
    for scene, video in zip(scenes, videos, strict=True):
        matches = [match_frame(video[i]) for i in CHECKED_FRAMES]
        kept += all((match.object, match.background) == (scene.object, scene.background) for match in matches)
    return kept / count


def reconstruction_psnr(bench: Bench, count: int) -> float:
    """PSNR in dB of first and last frames of held-out scenes through the autoencoder."""
    rng = random.Random(f"pictures {bench.seed}")  # the label of the published figures
    scenes = [sample_scene(rng, held_out=True) for _ in range(count // 2)]
    images = torch.cat([render(scene, frames=2) for scene in scenes])
    return float(-10 * F.mse_loss(bench.decode(bench.encode(images)), images).log10())


def cross_talk(motion_sweep: dict[str, Any], appearance_sweep: dict[str, Any]) -> dict[str, float]:
    """Range of a measure while only the other cue changes, as a fraction of its range under its own cue."""
    return {
        "appearance_by_motion": _range(motion_sweep["change"]) / max(_range(appearance_sweep["change"]), 1e-9),
        "motion_by_appearance": _range(appearance_sweep["motion"]) / max(_range(motion_sweep["motion"]), 1e-9),
    }


def cue_grid(bench: Bench, prompt: str, motions: tuple[int, ...], factors: tuple[float, ...]) -> Tensor:
    """One prompt, one seed: rows of motion, columns of appearance factor -> frames of the grid (f, h, w, 3)."""
    prior = bench.priors([prompt])
    rows = []
    for motion in motions:
        cues = [Cues.constant(FRAMES, motion, factor) for factor in factors]
        rows.append(torch.cat([bench.videos([prompt], prior, cue)[0] for cue in cues], dim=2))
    return torch.cat(rows, dim=1)


def pearson(a: Tensor, b: Tensor) -> float:
    """Correlation of two curves; 0 if one of them is flat."""
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1].nan_to_num())


def spearman(a: list[float], b: list[float]) -> float:
    """Correlation of the ranks of two lists without ties."""
    return pearson(*(torch.tensor(values).argsort().argsort().float() for values in (a, b)))


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Distance of the Gaussians with the means and covariances of two sets of features (n, d) and (m, d)."""
    a, b = a.double(), b.double()
    cov_a, cov_b = a.T.cov(), b.T.cov()
    overlap = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * overlap)


def _final_change(videos: Tensor) -> float:
    return sum(float(track_sprite(video).change[-1]) for video in videos) / len(videos)


def _range(values: list[float]) -> float:
    return max(values) - min(values)


def _contact_sheet(strips: list[Tensor], columns: int = 4) -> Tensor:
    """Strips of equal shape (h, w, 3) in `columns`."""
    strips = strips[: len(strips) // columns * columns]
    rows = (strips[i : i + columns] for i in range(0, len(strips), columns))
    return torch.cat([torch.cat(row, dim=1) for row in rows])
