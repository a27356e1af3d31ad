"""How far a video is from the references, and whether it still follows prompt and cues."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from higen_core.cues.measures import measure_motion
from higen_core.diffusion.matching import miss_of_motion
from higen_core.media.image import psnr
from higen_core.train.sprites.evaluation.benchmark import Model
from higen_core.train.sprites.evaluation.metrics import check_video

from .cases import Case
from .sampling import Sample

Figures = dict[str, float]


@torch.no_grad()
def embedded(model: Model, frames: Tensor) -> Tensor:
    """Embeddings of the frames (f, h, w, 3) in mini's image tower, of length 1."""
    return F.normalize(model.clip.encode_image(frames.float()), dim=-1)


def figures_of(model: Model, case: Case, sample: Sample, references: Mapping[str, Sample]) -> Figures:
    """The figures of one video.

    Args:
        references: videos of the same case by name. Each gives a PSNR in dB, and a distance: the mean over the frames
            of 1 - cosine of the embeddings in mini's image tower.
    """
    frames = sample.frames.float()
    figures: Figures = {"evaluations": sample.evaluations, "cpu": sum(sample.cpu)}
    for name, reference in references.items():
        figures[f"psnr_{name}"] = float(psnr(frames[None], reference.frames[None].float()))
        similar = (embedded(model, frames) * embedded(model, reference.frames)).sum(dim=-1)
        figures[f"distance_{name}"] = float(1 - similar.mean())
    scene = replace(case.scene, object=case.last_object)
    shown = check_video(scene, frames[0], frames)
    if case.last_object:
        figures["object"] = float(shown["object_in_video"])
    figures["direction"] = float(shown["direction"])
    motion = measure_motion(frames, model.unet.info.motion_scale).float()
    figures["miss"] = miss_of_motion(motion[None], case.cues.motion)[0]
    return figures


def summary(rows: Sequence[Figures]) -> Figures:
    """The mean of each figure over the cases that have it, and the least PSNR to each reference."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    values = {name: [row[name] for row in rows if name in row] for name in names}
    worst = {f"worst_{name}": min(v) for name, v in values.items() if name.startswith("psnr")}
    return {name: sum(v) / len(v) for name, v in values.items()} | worst


def at_equal_evaluations(points: Sequence[tuple[float, float]], evaluations: float) -> float | None:
    """PSNR of a curve of (evaluations, PSNR) at a number of evaluations, linear in their logarithm between its points;
    None outside of them."""
    points = sorted(points)
    for (n, low), (m, high) in zip(points, points[1:], strict=False):
        if n - 0.5 <= evaluations <= m + 0.5:
            share = min(max(math.log(evaluations / n) / math.log(m / n), 0.0), 1.0)
            return low + share * (high - low)
    return None
