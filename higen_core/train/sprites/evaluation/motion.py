"""Whether the motion that is asked for is the motion that is seen: the response of weights, and how far videos miss."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ....cues.cues import Cues
from ....cues.curves import appearance_matrix
from ....cues.extraction import extract_cues
from ....cues.response import motion_reach
from ....diffusion.matching import draft_steps, match_motion, miss_of_motion
from ....weights.checkpoint import MINI_DIR, save_network
from ..scenes import FPS, FRAMES
from .benchmark import Bench, Model, held_out_scenes
from .metrics import STRAIGHT

ASKED = (0, 50, 100, 200, 300, 400, 600, 1000)
"""Constant motion cues that the response is measured at."""
OTHER_PROMPTS = 60
"""Added to the seed, so that the response is not measured on what the misses are measured on."""
LEAST_RISE = 1.0
"""Motion between neighboring points of a response, at least, so that it has an inverse."""
CONSTANTS = (100, 300, 500)
PEAK = 600
"""Highest motion of the schedules, and of the curves of other videos: what most prompts can reach."""


def motion_curves(videos: Sequence[Path]) -> dict[str, Tensor]:
    """Motion to ask for, (FRAMES - 1,), by name: constants, schedules, and the curves of other videos up to PEAK."""
    u = torch.linspace(0, 1, FRAMES - 1)
    schedules = {"rise": u, "fall": 1 - u, "pulse": torch.sin(math.pi * u) ** 2}
    curves = {f"constant {value}": torch.full((FRAMES - 1,), value) for value in CONSTANTS}
    curves |= {name: (50 + (PEAK - 50) * curve).round().long() for name, curve in schedules.items()}
    return curves | {path.stem: curve_of_video(path) for path in videos}


def curve_of_video(path: Path) -> Tensor:
    """The motion of the first FRAMES frames of a video, scaled so that its highest is PEAK."""
    motion = extract_cues(path, lambda images: images[:, :1, 0, 0], frames=FRAMES, fps=FPS, scale=1000, mask_cuts=True)
    return (motion.motion * (PEAK / motion.motion.max())).round().long()


def constant_look(motion: Tensor) -> Cues:
    return Cues(motion, appearance_matrix(torch.zeros(len(motion) + 1)))


def measure_response(bench: Bench, count: int) -> list[list[float]]:
    """The motion that constant cues give on average over `count` prompts, as `ModelInfo.motion_response` has it."""
    _, prompts = held_out_scenes(count, bench.seed, **STRAIGHT)
    priors, measured = bench.priors(prompts), []
    for asked in ASKED:
        measured.append(float(bench.motion(bench.videos(prompts, priors, Cues.constant(FRAMES, asked, 0.0))).mean()))
    return [[asked, round(value, 1)] for asked, value in zip(ASKED, rising(measured), strict=True)]


def rising(values: list[float]) -> list[float]:
    """The rising sequence nearest to the values (least squares), with LEAST_RISE between neighbors."""
    blocks: list[list[float]] = []
    for value in np.asarray(values) - LEAST_RISE * np.arange(len(values)):
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    level = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    return (level + LEAST_RISE * np.arange(len(values))).tolist()


def motion_misses(
    bench: Bench, count: int, rounds: int = 0, videos: Sequence[Path] = ()
) -> dict[str, dict[str, dict[str, float]]]:
    """By curve, how far videos miss it without calibration, with it, and after each of `rounds` rounds of matching.

    Each is {"frame": mean absolute miss of a frame, "mean": that of the mean of a clip, "worst": the miss per frame of
    the prompt that misses most}.
    """
    _, prompts = held_out_scenes(count, bench.seed + 1, **STRAIGHT)
    priors, reach = bench.priors(prompts), motion_reach(bench.model.unet.info)
    steps_of_draft = draft_steps(bench.video_steps or bench.steps)
    drafts = replace(bench, video_steps=steps_of_draft)
    misses = {}
    for name, motion in motion_curves(videos).items():
        cues, raw, calibrated, matched = constant_look(motion), [], [], []
        for prompt, prior in zip(prompts, priors.split(1), strict=True):
            sampler, drafter = (_Attempts(sampled_by, prompt, prior, cues) for sampled_by in (bench, drafts))
            raw.append([bench.motion(bench.videos([prompt], prior, cues))[0]])
            calibrated.append([sampler(cues)[1]])
            if rounds:
                match_motion(sampler, cues, rounds, reach, drafter.motion if steps_of_draft else None)
            matched.append(sampler.measured[1:])
        first = 0 if steps_of_draft else 1  # without drafts, rounds begin after one video more
        misses[name] = {"uncalibrated": _best(raw, motion, 1), "calibrated": _best(calibrated, motion, 1)}
        misses[name] |= {f"matched {n}": _best(matched, motion, first + n) for n in range(1, rounds + 1)}
    return misses


@dataclass
class _Attempts:
    """Samples one prompt for `match_motion`, and keeps what was measured each time."""

    bench: Bench
    prompt: str
    prior: Tensor
    target: Cues
    measured: list[Tensor] = field(default_factory=list)

    def __call__(self, cues: Cues) -> tuple[None, Tensor]:
        videos = self.bench.videos([self.prompt], self.prior, cues, calibrated=True, noise_cues=self.target)
        self.measured.append(self.bench.motion(videos)[0])
        return None, self.measured[-1]

    def motion(self, cues: Cues) -> Tensor:
        return self(cues)[1]


def _best(attempts: list[list[Tensor]], motion: Tensor, count: int) -> dict[str, float]:
    """The figures of the best of the first `count` attempts of each prompt."""
    best = [min(measured[:count], key=lambda row: miss_of_motion(row, motion)[0]) for measured in attempts]
    frame, mean = miss_of_motion(torch.stack(best), motion)
    worst = max(miss_of_motion(row, motion)[0] for row in best)
    return {"frame": round(frame, 1), "mean": round(mean, 1), "worst": round(worst, 1)}


def calibrate(folder: str | Path, out: Path, count: int = 8, seed: int = 0) -> None:
    """Measures the response of weights: writes it to motion_response.json in `out`, and into the denoiser in `folder`.

    That of mini is in a file beside it.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tqdm(desc="calibrating", unit="video") as progress:
        bench = bench_of(folder, seed + OTHER_PROMPTS, progress)
        response = measure_response(bench, count)
    (out / "motion_response.json").write_text(json.dumps(response) + "\n")
    print(json.dumps(response))
    if str(folder) == "mini" or Path(folder).resolve() == MINI_DIR:
        return
    unet = bench.model.unet
    info = replace(unet.info, motion_response=tuple(map(tuple, response)))
    save_network(Path(folder) / "denoiser.safetensors", unet, torch.float16, **info.to_metadata())


def match(
    folder: str | Path, out: Path, count: int = 4, rounds: int = 3, seed: int = 0, videos: Sequence[Path] = ()
) -> None:
    """Measures how far motion misses constants, schedules and the curves of videos: writes matching.json in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    with tqdm(desc="matching", unit="video") as progress:
        bench = bench_of(folder, seed, progress)
        misses = motion_misses(bench, count, rounds, videos)
    figures: dict[str, Any] = {"count": count, "rounds": rounds, "seed": seed, "misses": misses}
    (out / "matching.json").write_text(json.dumps(figures, indent=2) + "\n")


def bench_of(folder: str | Path, seed: int, progress: tqdm) -> Bench:
    """The weights in a folder, sampled as their metadata recommends."""
    model = Model.load(folder)
    sampling = model.unet.info.sampling
    return Bench(
        model, sampling.steps, sampling.prior_guidance, sampling.video_guidance, sampling.sampler, seed, progress
    )
