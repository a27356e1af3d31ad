"""Measures whether a denoiser of the emoji data set follows prompts and cues, and holds the figures against targets.

Writes `evaluation.json`, a contact sheet `evaluation.png`, and `decoupled.webp`: motion in rows, appearance in columns.
With a baseline it writes `comparison.json` and `comparison.png` instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ....diffusion.pipeline import resolve_appearance_guidance
from ..scenes import FPS
from . import metrics, motion
from .benchmark import Bench, Model
from .template_matching import accuracy

GRID_PROMPT = "an apple moving to the right on a white background, turning into a frog"
GRID_MOTIONS = (0, 300, 600)
GRID_FACTORS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Bar:
    """A figure, by its label, and what it has to be: at least (>=), at most (<=) or less than (<) the target."""

    label: str
    sign: str
    target: float
    figure: Callable[[dict[str, Any]], float]

    def is_met(self, figures: dict[str, Any]) -> bool:
        figure = self.figure(figures)
        return {">=": figure >= self.target, "<=": figure <= self.target, "<": figure < self.target}[self.sign]


BARS = (
    Bar("object named in the prompt, in the prior", ">=", 0.90, lambda f: f["prompts"]["object_in_prior"]),
    Bar("object named in the prompt, in the last frame", ">=", 0.88, lambda f: f["prompts"]["object_in_video"]),
    Bar("background named in the prompt", ">=", 0.97, lambda f: f["prompts"]["background"]),
    Bar("direction of motion", ">=", 0.90, lambda f: f["prompts"]["direction"]),
    Bar("motion requested and measured, Spearman", ">=", 0.97, lambda f: f["motion_spearman"]),
    Bar("measured motion at motion 0", "<", 30, lambda f: f["motion_sweep"]["motion"][0]),
    Bar("measured motion at 600 over that at 50", ">=", 4, lambda f: f["motion_sweep"]["ratio_600_to_50"]),
    Bar("schedules of motion, mean Pearson per frame", ">=", 0.90, lambda f: f["schedules_mean"]),
    Bar("miss of motion per frame, calibrated", "<", 70, lambda f: mean_miss(f, "frame")),
    Bar("miss of the mean motion of a clip, calibrated", "<", 30, lambda f: mean_miss(f, "mean")),
    Bar("appearance requested and measured, Spearman", ">=", 0.90, lambda f: f["appearance_spearman"]),
    Bar("object that it turns into, in the last frame", ">=", 0.88, lambda f: f["turned"]["reached"]),
    Bar("cross-talk, appearance by motion", "<=", 0.25, lambda f: f["cross_talk"]["appearance_by_motion"]),
    Bar("cross-talk, motion by appearance", "<=", 0.25, lambda f: f["cross_talk"]["motion_by_appearance"]),
    Bar("image prior kept through the video", ">=", 0.90, lambda f: f["own_images"]),
    Bar("flicker of the still background, of 255", "<=", 1.5, lambda f: f["prompts"]["flicker"]),
)


def mean_miss(figures: dict[str, Any], kind: str) -> float:
    """The mean over constants and schedules of a miss of calibrated motion; see `motion.motion_misses`."""
    misses = [curve["calibrated"][kind] for curve in figures["motion_misses"].values()]
    return sum(misses) / len(misses)


def evaluate(bench: Bench, count: int) -> tuple[dict[str, Any], Tensor]:
    """All figures and the contact sheet. `count` prompts; measures that take many videos per prompt get fewer."""
    prompts, sheet = metrics.prompt_fidelity(bench, count)
    few = max(count // 32, 2)
    motions, appearances = metrics.motion_sweep(bench, few), metrics.appearance_sweep(bench, few)
    schedules = metrics.schedule_correlations(bench, max(count // 8, 2))
    hundreds = [i for i, value in enumerate(motions["requested"]) if value % 100 == 0]
    return settings(bench, count) | {
        "template_matching": accuracy(100),
        "prompts": prompts,
        "motion_sweep": motions,
        "motion_spearman": metrics.spearman(*([motions[key][i] for i in hundreds] for key in ("requested", "motion"))),
        "appearance_sweep": appearances,
        "appearance_spearman": metrics.spearman(appearances["requested"], appearances["change"]),
        "turned": metrics.target_fidelity(bench, max(count // 8, 2)),
        "schedules": schedules,
        "motion_misses": motion.motion_misses(bench, few),
        "schedules_mean": sum(schedules.values()) / len(schedules),
        "cross_talk": metrics.cross_talk(motions, appearances),
        "own_images": metrics.image_prior_fidelity(bench, max(count // 4, 8)),
        "autoencoder_psnr": metrics.reconstruction_psnr(bench, max(count // 4, 8)),
    }, sheet


def settings(bench: Bench, count: int) -> dict[str, Any]:
    """What the figures were measured with."""
    info = bench.model.unet.info
    video = {"video_steps": bench.video_steps, "video_sampler": bench.video_sampler}
    return {
        "count": count,
        "steps": bench.steps,
        "guidance": bench.guidance,
        "video_guidance": bench.video_guidance,
        "appearance_guidance": resolve_appearance_guidance(info, bench.appearance_guidance),
        "sampler": bench.sampler,
        **{name: value for name, value in video.items() if value is not None},
        "training_steps": info.steps,
    }


def table(figures: dict[str, Any]) -> str:
    """The figures beside their targets, in Markdown."""
    rows = ["| measure | measured | target | |", "|---|---|---|---|"]
    for bar in BARS:
        verdict = "met" if bar.is_met(figures) else "not met"
        rows.append(f"| {bar.label} | {bar.figure(figures):.3g} | {bar.sign} {bar.target:g} | {verdict} |")
    return "\n".join(rows)


def compare(bench: Bench, baseline: Model, count: int) -> tuple[dict[str, Any], Tensor]:
    """How a network and a baseline without prior and cues follow the same prompts, and their sheets, side by side."""
    decoupled, sheet = metrics.prompt_fidelity(bench, count)
    plain, plain_sheet = metrics.baseline_fidelity(replace(bench, model=baseline), count)
    return settings(bench, count) | {"decoupled": decoupled, "baseline": plain}, torch.cat([sheet, plain_sheet], dim=1)


def comparison_table(figures: dict[str, Any]) -> str:
    """The two side by side, in Markdown."""
    rows = ["| measure | decoupled | baseline |", "|---|---|---|"]
    for measure, figure in figures["decoupled"].items():
        rows.append(f"| {measure.replace('_', ' ')} | {figure:.3g} | {figures['baseline'][measure]:.3g} |")
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
    lora: Path | None = None,
    video_steps: int | None = None,
    video_sampler: str | None = None,
    appearance_guidance: float | None = None,
) -> None:
    """With `baseline`, the folder of a network trained by `mini_baseline`: only how the two follow the prompts."""
    from PIL import Image

    out.mkdir(parents=True, exist_ok=True)
    with tqdm(desc="evaluating", unit="video") as progress:
        model, video = Model.load(folder, lora), (video_steps, video_sampler, appearance_guidance)
        bench = Bench(model, steps, guidance, video_guidance, sampler, seed, progress, *video)
        if baseline:
            figures, sheet = compare(bench, Model.load(baseline), count)
            _save(out, "comparison", figures, sheet)
            print(comparison_table(figures))
            return
        figures, sheet = evaluate(bench, count)
        grid = metrics.cue_grid(bench, GRID_PROMPT, GRID_MOTIONS, GRID_FACTORS)
    _save(out, "evaluation", figures, sheet)
    first, *rest = (_as_pil(frame).resize((384, 384), Image.Resampling.BICUBIC) for frame in grid)
    first.save(out / "decoupled.webp", save_all=True, append_images=rest, duration=1000 // FPS, loop=0)
    print(table(figures))


def _save(out: Path, name: str, figures: dict[str, Any], sheet: Tensor) -> None:
    (out / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
    _as_pil(sheet).save(out / f"{name}.png")


def _as_pil(frame: Tensor):
    from PIL import Image

    return Image.fromarray((frame * 255).round().byte().numpy())
