"""Fits the schedules of few evaluations that weights state; see `diffusion.acceleration.fitting`."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ....cues.cues import Cues
from ....cues.curves import appearance_matrix
from ....cues.response import calibrate
from ....diffusion.acceleration.fitting import record_teacher
from ....diffusion.acceleration.search import best_schedule
from ....diffusion.guidance import Branches, branches_of
from ....diffusion.noise import draw_correlated_noise
from ....diffusion.schedule import timesteps
from ....models.schedules import NULLS, FittedSchedule
from ....weights.checkpoint import MINI_DIR, save_network
from ..scenes import FRAMES, caption, is_held_out, sample_content
from .benchmark import BATCH, Bench
from .motion import bench_of, constant_look, motion_curves

PRESETS = {"balanced": 24, "fast": 10}
"""Evaluations of the network by preset."""
TEACHER_STEPS = 50
"""Of the released procedure: DDIM with "leading" spacing."""
CALM = (100, 150, 200, 300)
"""Motion of scenes that change."""


@dataclass(frozen=True)
class Example:
    prompt: str
    cues: Cues


def training_examples(count: int, seed: int) -> list[Example]:
    """Prompts of scenes that the weights were trained on: every second one fades or turns into something, and the
    others have constants and schedules of motion."""
    rng, words = random.Random(f"schedules {seed}"), random.Random(f"schedule prompts {seed}")
    looks = list(motion_curves([]).values())
    found: list[Example] = []
    while len(found) < count:
        scene, number = sample_content(rng), len(found) // 2
        wanted = ("fade", "turn")[number % 2] if len(found) % 2 else "none"
        if is_held_out(scene) or scene.change != wanted:
            continue
        if wanted == "none":
            cues = constant_look(looks[number % len(looks)])
        else:
            factors = torch.full((FRAMES,), (1.0, 0.8)[number // 2 % 2])
            cues = Cues(torch.full((FRAMES - 1,), CALM[number % len(CALM)]), appearance_matrix(factors))
        found.append(Example(caption(scene, words), cues))
    return found


def fit_schedules(bench: Bench, count: int, evaluations: Mapping[str, int], seed: int) -> dict[str, FittedSchedule]:
    """Schedules of so many evaluations by name, fitted on `count` videos."""
    scales = dict(zip(NULLS, (bench.video_guidance, bench.model.unet.info.appearance_guidance or 1.0), strict=True))
    scales = {name: scale for name, scale in scales.items() if scale != 1}
    velocities, noise = examples_as_branches(bench, training_examples(count, seed), list(scales))
    visited = timesteps(TEACHER_STEPS)
    teacher = record_teacher(velocities, noise, visited, scales)
    return {name: best_schedule(velocities, teacher, most) for name, most in evaluations.items()}


@torch.no_grad()
def examples_as_branches(bench: Bench, examples: Sequence[Example], nulls: Sequence[str]) -> tuple[Branches, Tensor]:
    """The velocities of all examples as one batch, which is evaluated in parts, and their noise (n, 4, f, h, w)."""
    info, prompts = bench.model.unet.info, [example.prompt for example in examples]
    priors = bench.priors(prompts)
    channels, height, width = priors.shape[1:]
    all_cues = [calibrate(example.cues, info) for example in examples]
    shape, correlation = (1, channels, FRAMES, height, width), info.noise_correlation
    noise = torch.cat(
        [draw_correlated_noise(bench.seed + i, shape, cues.motion, correlation) for i, cues in enumerate(all_cues)]
    )
    encode = bench.model.clip.encode_text
    conditions, without_look = (
        _stacked([cues.conditions(height, width, null_appearance=null) for cues in all_cues]) for null in (False, True)
    )
    cond = {"text": encode(prompts), "prior": priors, **conditions}
    of_name = {"text": {"text": encode([""]).expand(len(prompts), -1, -1)}, "appearance": without_look}
    conds = [cond, *(cond | of_name[name] for name in nulls)]

    def velocities(x: Tensor, t: int, wanted: Sequence[int]) -> list[Tensor]:
        parts = []
        for first in range(0, len(x), BATCH):
            part = slice(first, first + BATCH)
            branches = [{name: value[part] for name, value in branch.items()} for branch in conds]
            parts.append(torch.stack(branches_of(bench.model.unet, branches)(x[part], t, wanted)))
            bench.progress.update(len(wanted) * len(x[part]))
        return list(torch.cat(parts, dim=1))

    return velocities, noise


def _stacked(conditions: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([values[name] for values in conditions]) for name in conditions[0]}


def accelerate(folder: str | Path, out: Path, count: int = 24, evaluations: Sequence[int] = (), seed: int = 0) -> None:
    """Fits the schedules of the presets, and others named by their number of evaluations: writes them to schedules.json
    in `out`, and into the denoiser in `folder`. Those of mini are in a file beside it."""
    out.mkdir(parents=True, exist_ok=True)
    names = PRESETS | {str(number): number for number in evaluations}
    with tqdm(desc="fitting", unit="evaluation") as progress:
        bench = bench_of(folder, seed, progress)
        schedules = fit_schedules(bench, count, names, seed)
    (out / "schedules.json").write_text(schedules_as_json(schedules))
    if str(folder) == "mini" or Path(folder).resolve() == MINI_DIR:
        return
    unet = bench.model.unet
    info = replace(unet.info, schedules=schedules)
    save_network(Path(folder) / "denoiser.safetensors", unet, torch.float16, **info.to_metadata())


def schedules_as_json(schedules: Mapping[str, FittedSchedule]) -> str:
    """One line for each step; what has its default is left out."""
    parts = []
    for name, schedule in schedules.items():
        values: dict[str, Any] = schedule.to_dict()
        steps = [{key: value for key, value in step.items() if value not in ((), 0.0)} for step in values.pop("steps")]
        lines = ",\n".join(f"      {json.dumps(step)}" for step in steps)
        scales = "".join(f'    "{key}": {json.dumps(value)},\n' for key, value in values.items())
        parts.append(f'  "{name}": {{\n{scales}    "steps": [\n{lines}\n    ]\n  }}')
    return "{\n" + ",\n".join(parts) + "\n}\n"
