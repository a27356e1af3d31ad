"""Measures what a denoiser of sprites makes of prompts and cues, against the bars that it is built to meet.

Writes `evaluation.json`, a contact sheet `evaluation.png`, and `decoupled.webp`: motion in rows, appearance in columns.
Beside a baseline it writes `comparison.json` and `comparison.png` instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from . import oracle, sprites
from .experiments import (
    Bench,
    Model,
    appearance_sweep,
    cross_talk,
    decoupled,
    motion_sweep,
    own_pictures,
    prompts,
    reconstruction,
    schedules,
    spearman,
    straight,
    turned,
)

GRID_PROMPT = "an apple moving to the right on a white background, turning into a frog"
GRID_MOTIONS = (0, 300, 600)
GRID_FACTORS = (0.0, 0.5, 1.0)

BARS: tuple[tuple[str, str, float, Callable[[dict[str, Any]], float]], ...] = (
    ("object named in the prompt, in the prior", ">=", 0.90, lambda f: f["prompts"]["object_in_prior"]),
    ("object named in the prompt, in the last frame", ">=", 0.88, lambda f: f["prompts"]["object_in_video"]),
    ("background named in the prompt", ">=", 0.97, lambda f: f["prompts"]["background"]),
    ("direction of motion", ">=", 0.90, lambda f: f["prompts"]["direction"]),
    ("motion asked for and measured, Spearman", ">=", 0.97, lambda f: f["motion_spearman"]),
    ("measured motion at motion 0", "<", 30, lambda f: f["motion_sweep"]["motion"][0]),
    ("measured motion at 600 over that at 50", ">=", 4, lambda f: f["motion_sweep"]["ratio_600_to_50"]),
    ("schedules of motion, mean Pearson per frame", ">=", 0.90, lambda f: f["schedules_mean"]),
    ("appearance asked for and measured, Spearman", ">=", 0.90, lambda f: f["appearance_spearman"]),
    ("object that it turns into, in the last frame", ">=", 0.88, lambda f: f["turned"]["reached"]),
    ("cross-talk, appearance by motion", "<=", 0.25, lambda f: f["cross_talk"]["appearance_by_motion"]),
    ("cross-talk, motion by appearance", "<=", 0.25, lambda f: f["cross_talk"]["motion_by_appearance"]),
    ("own picture kept through the video", ">=", 0.90, lambda f: f["own_pictures"]),
    ("flicker of still ground, of 255", "<=", 1.5, lambda f: f["prompts"]["flicker"]),
)


def evaluate(bench: Bench, count: int) -> tuple[dict[str, Any], Tensor]:
    """All figures and the contact sheet. `count` prompts; what makes many videos of each prompt takes fewer."""
    found, sheet = prompts(bench, count)
    few = max(count // 32, 2)
    motions, appearances = motion_sweep(bench, few), appearance_sweep(bench, few)
    by_schedule = schedules(bench, max(count // 8, 2))
    tenths = [i for i, value in enumerate(motions["requested"]) if value % 100 == 0]
    return how(bench, count) | {
        "oracle": oracle.accuracy(100),
        "prompts": found,
        "motion_sweep": motions,
        "motion_spearman": spearman([motions["requested"][i] for i in tenths], [motions["motion"][i] for i in tenths]),
        "appearance_sweep": appearances,
        "appearance_spearman": spearman(appearances["requested"], appearances["change"]),
        "turned": turned(bench, max(count // 8, 2)),
        "schedules": by_schedule,
        "schedules_mean": sum(by_schedule.values()) / len(by_schedule),
        "cross_talk": cross_talk(motions, appearances),
        "own_pictures": own_pictures(bench, max(count // 4, 8)),
        "autoencoder_psnr": reconstruction(bench, max(count // 4, 8)),
    }, sheet


def how(bench: Bench, count: int) -> dict[str, Any]:
    """What the figures belong to."""
    return {
        "count": count,
        "steps": bench.steps,
        "guidance": bench.guidance,
        "video_guidance": bench.video_guidance,
        "appearance_guidance": bench.model.unet.info.get("appearance_guidance", 1.0),
        "sampler": bench.sampler,
        "training_steps": bench.model.unet.info.get("steps"),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures beside their bars, in Markdown."""
    rows = ["| measure | measured | bar | |", "|---|---|---|---|"]
    for label, sign, bar, value in BARS:
        found = value(figures)
        met = {">=": found >= bar, "<=": found <= bar, "<": found < bar}[sign]
        rows.append(f"| {label} | {found:.3g} | {sign} {bar:g} | {'met' if met else 'not met'} |")
    return "\n".join(rows)


def compare(bench: Bench, baseline: Model, count: int) -> tuple[dict[str, Any], Tensor]:
    """How a network and a baseline without prior and cues obey the same prompts, and a sheet of each, side by side."""
    found, sheet = prompts(bench, count)
    plain, plain_sheet = straight(replace(bench, model=baseline), count)
    return how(bench, count) | {"decoupled": found, "baseline": plain}, torch.cat([sheet, plain_sheet], dim=1)


def comparison_table(figures: dict[str, Any]) -> str:
    """The two side by side, in Markdown."""
    rows = ["| measure | decoupled | baseline |", "|---|---|---|"]
    for measure, found in figures["decoupled"].items():
        rows.append(f"| {measure.replace('_', ' ')} | {found:.3g} | {figures['baseline'][measure]:.3g} |")
    return "\n".join(rows)


def main(
    folder: str | Path,
    out: Path,
    count: int = 256,
    steps: int = 12,
    guidance: float = 3.0,
    video_guidance: float = 2.0,
    sampler: str = "dpmpp_2m",
    seed: int = 0,
    baseline: str | Path | None = None,
) -> None:
    """With `baseline`, the folder of a network trained by `mini_baseline`: only how the two obey the prompts."""
    from PIL import Image

    out.mkdir(parents=True, exist_ok=True)
    with tqdm(desc="evaluating", unit="video") as bar:
        bench = Bench(Model.load(folder), steps, guidance, video_guidance, sampler, seed, bar)
        if baseline:
            figures, sheet = compare(bench, Model.load(baseline), count)
            _save(out, "comparison", figures, sheet)
            print(comparison_table(figures))
            return
        figures, sheet = evaluate(bench, count)
        grid = decoupled(bench, GRID_PROMPT, GRID_MOTIONS, GRID_FACTORS)
    _save(out, "evaluation", figures, sheet)
    first, *others = (_picture(frame).resize((384, 384), Image.Resampling.BICUBIC) for frame in grid)
    first.save(out / "decoupled.webp", save_all=True, append_images=others, duration=1000 // sprites.FPS, loop=0)
    print(table(figures))


def _save(out: Path, name: str, figures: dict[str, Any], sheet: Tensor) -> None:
    (out / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
    _picture(sheet).save(out / f"{name}.png")


def _picture(frame: Tensor):
    from PIL import Image

    return Image.fromarray((frame * 255).round().byte().numpy())
