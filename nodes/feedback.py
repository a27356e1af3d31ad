"""Curves for HiGen Cue Schedule to draw beside the requested ones: what a finished video made of them, and what other
cues they are blended with.

The graph editor draws `ui["higen_curves"]` over the requested curves; nodes/web/lib/overlays.js describes its entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import torch

from .. import higen_core as hg
from ..higen_core.cues import measure_motion, similarity
from ..higen_core.curves import fit_factors
from .model import HigenModel

SAMPLER, SCHEDULE = "HiGenTemporalSampler", "HiGenCueSchedule"


def measured_curves(images: torch.Tensor, model: HigenModel, prompt: dict[str, Any], node_id: str) -> dict[str, list]:
    """The ui entry of node `node_id` with the measured cues of its frames (f, h, w, 3) in [0, 1]; {} for a still.

    Appearance needs the image tower that the weights were trained with, and its floor: both come with mini and with
    weights trained here.
    """
    schedules = schedules_of(prompt, node_id)
    if not schedules or len(images) < 2:
        return {}
    scale = model.info["motion_scale"]
    entry = {"schedules": schedules, "kind": "measured", "motion_scale": scale}
    entry["motion"] = measure_motion(images, scale).tolist()
    if model.image_tower and "similarity_floor" in model.info:
        seen = image_tower(model.image_tower).encode_image(images)
        entry["appearance"] = rounded_factors(similarity(seen, model.info["similarity_floor"]))
    return {"higen_curves": [entry]}


def extracted_curves(node_id: str, motion_from: hg.Cues | None, appearance_from: hg.Cues | None) -> dict[str, list]:
    """The ui entry of schedule `node_id` with the cues that it blends in; empty lists take an earlier run's away."""
    entry = {
        "schedules": [node_id],
        "kind": "extracted",
        "motion": motion_from.motion.tolist() if motion_from else [],
        "appearance": rounded_factors(appearance_from.appearance) if appearance_from else [],
    }
    return {"higen_curves": [entry]}


def rounded_factors(appearance: torch.Tensor) -> list[float]:
    """One appearance factor a frame, for a curve, of similarities (f, f)."""
    return [round(factor, 3) for factor in fit_factors(appearance).tolist()]


@lru_cache(maxsize=1)
def image_tower(source: str):
    return hg.load_clip(source).requires_grad_(False)


def schedules_of(prompt: dict[str, Any], node_id: str) -> list[str]:
    """Ids of the schedules that steer the videos which reach a node: those of the nearest samplers before it."""
    samplers = nearest_before(prompt, prompt.get(node_id, {}).get("inputs", {}).values(), SAMPLER)
    cues = [prompt[sampler]["inputs"].get("cues") for sampler in samplers]
    return nearest_before(prompt, cues, SCHEDULE)


def nearest_before(prompt: dict[str, Any], inputs: Iterable[Any], class_type: str) -> list[str]:
    """Ids of the nodes of a type that the inputs' links lead to, going back no further than each of them."""
    found, seen, waiting = [], set(), list(inputs)
    while waiting:
        link = waiting.pop(0)
        source = link[0] if isinstance(link, list) and len(link) == 2 else None
        if not isinstance(source, str) or source in seen or source not in prompt:
            continue
        seen.add(source)
        if prompt[source]["class_type"] == class_type:
            found.append(source)
        else:
            waiting.extend(prompt[source]["inputs"].values())
    return found
