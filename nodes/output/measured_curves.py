"""Curves that HiGen Cue Schedule shows beside the drawn ones: those measured in the finished video, and those of the
cues that it blends in.

The graph editor draws `ui["higen_curves"]` over the drawn curves; nodes/web/lib/results/overlays.js describes its
entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from ... import higen_core as hg
from ...higen_core.cues.curves import fit_factors
from ...higen_core.cues.measures import measure_motion, similarity
from .video_value import opaque

TAKES_CUES = ("HiGenTemporalSampler", "HiGenApplyCues")
SCHEDULE = ("HiGenCueSchedule",)
CUES = ("motion", "appearance")
BATCH = 8
"""Frames that are encoded at a time."""


def measured_curves(
    images: torch.Tensor,
    info: hg.ModelInfo,
    image_encoder: Callable[[torch.Tensor], torch.Tensor] | None,
    prompt: dict[str, Any],
    node_id: str,
) -> dict[str, list]:
    """Measures the cues of a finished video.

    Args:
        images: frames (f, h, w, 3 or 4) in [0, 1] that the node has received; transparent parts count as black.
        info: has the motion scale and the similarity floor of the model.
        image_encoder: measures appearance. Without it, or without a floor, only motion is measured.
        prompt: the API prompt that is running.
        node_id: of the node.

    Returns:
        the ui entry of the node; {} for a single frame, and for frames that no schedule controls.
    """
    schedules = schedules_of(prompt, node_id)
    if not schedules or len(images) < 2:
        return {}
    scale = info.motion_scale
    entry = {"schedules": schedules, "kind": "measured", "motion_scale": scale}
    entry["inputs"] = {schedule: shaping_inputs(prompt[schedule]["inputs"]) for schedule in schedules}
    # each part begins with the last frame of the one before
    parts = [images[i : i + BATCH + 1] for i in range(0, len(images) - 1, BATCH)]
    entry["motion"] = torch.cat([measure_motion(opaque(part), scale) for part in parts]).tolist()
    if image_encoder and info.similarity_floor is not None:
        embeddings = torch.cat([image_encoder(opaque(part)) for part in images.split(BATCH)])
        entry["appearance"] = rounded_factors(similarity(embeddings, info.similarity_floor))
    return {"higen_curves": [entry]}


def shaping_inputs(inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a schedule that set its curves, without those that other nodes supply or replace."""
    own = [cue for cue in CUES if f"{cue}_curve_from" not in inputs]
    shaping = ("frames", *own, *(f"{cue}_curve" for cue in own))
    return {name: inputs[name] for name in shaping if name in inputs and not isinstance(inputs[name], list)}


def extracted_curves(node_id: str, motion_from: hg.Cues | None, appearance_from: hg.Cues | None) -> dict[str, list]:
    """The ui entry of schedule `node_id` with the cues that it blends in; empty lists remove those of earlier runs."""
    entry = {
        "schedules": [node_id],
        "kind": "extracted",
        "motion": motion_from.motion.tolist() if motion_from else [],
        "appearance": rounded_factors(appearance_from.appearance) if appearance_from else [],
    }
    return {"higen_curves": [entry]}


def rounded_factors(appearance: torch.Tensor) -> list[float]:
    """Appearance factors of f frames that fit similarities (f, f) best, rounded to 3 digits."""
    return [round(factor, 3) for factor in fit_factors(appearance).tolist()]


def schedules_of(prompt: dict[str, Any], node_id: str) -> list[str]:
    """Ids of the schedules whose cues the frames at a node were sampled with."""
    nodes = nearest_upstream(prompt, prompt.get(node_id, {}).get("inputs", {}).values(), TAKES_CUES)
    cues = [prompt[node]["inputs"].get("cues") for node in nodes]
    return nearest_upstream(prompt, cues, SCHEDULE)


def nearest_upstream(prompt: dict[str, Any], inputs: Iterable[Any], class_types: tuple[str, ...]) -> list[str]:
    """Ids of the nodes of some types that input values link to, directly or through nodes of other types."""
    matches, visited, queue = [], set(), list(inputs)
    while queue:
        value = queue.pop(0)
        node_id = value[0] if isinstance(value, list) and len(value) == 2 else None
        if not isinstance(node_id, str) or node_id in visited or node_id not in prompt:
            continue
        visited.add(node_id)
        if prompt[node_id]["class_type"] in class_types:
            matches.append(node_id)
        else:
            queue.extend(prompt[node_id]["inputs"].values())
    return matches
