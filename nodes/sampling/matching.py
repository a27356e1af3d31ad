"""Matching: a video is sampled again with corrected cues until it shows the motion asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from comfy_api.latest import io

from ... import higen_core as hg
from ...higen_core.diffusion.matching import DRAFTS
from .previews import preview_callback
from .settings import note

ROUNDS_MAX = 20
MATCHED = "Matched in {count} samplings: motion misses the curve by {miss} on average, by {first} at first"
DRAFTED = (
    "Matched in {drafts} drafts and {count} videos: motion misses the curve by {miss} on average, by {first} in the "
    "first draft"
)
Latent = dict[str, Any]


def match_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "match",
            default=0,
            min=0,
            max=ROUNDS_MAX,
            optional=True,
            tooltip="Rounds of matching: the cues are corrected by the motion of drafts of a third of the steps, then "
            "the video is sampled; this is done at most so many times, and the best video is kept. Each round takes a "
            "little longer than two videos; 2 follow most curves closely. 0 samples once. Needs vae.",
        ),
        io.Vae.Input("vae", optional=True, tooltip="From HiGen Loader, for match: the video is decoded to measure it."),
    ]


def check_vae(match: int, vae: Any) -> None:
    """Raises ValueError for matching without a VAE."""
    if match and vae is None:
        raise ValueError(
            f"match is {match}, but no vae is connected, which decodes the video to measure it: connect HiGen Loader's "
            "VAE to vae, or set match to 0"
        )


def sample_matched(
    sample: Callable[[hg.Cues, int, Any], Latent],
    cues: hg.Cues,
    rounds: int,
    vae: Any,
    model: Any,
    steps: int,
    steps_of_draft: int,
) -> hg.MotionMatch[Latent]:
    """Runs `hg.match_motion` with one progress bar over all drafts and videos.

    Args:
        sample: samples a LATENT for cues in a number of steps, with a callback for its progress.
        cues: those asked for.
        rounds: of matching at most.
        vae: decodes the frames.
        model: the MODEL that is sampled.
        steps: of the video.
        steps_of_draft: steps of a draft, 0 for no drafts.
    """
    info = model.model.info
    total = rounds * (DRAFTS * steps_of_draft + steps) if steps_of_draft else (rounds + 1) * steps
    progress, done = preview_callback(model, total, info.fps), 0

    def attempt(tried: hg.Cues, count: int = steps) -> tuple[Latent, torch.Tensor]:
        nonlocal done
        first, done = done, done + count
        latent = sample(tried, count, lambda step, x0, x, _: progress(first + step, x0, x, total))
        frames = vae.decode(latent["samples"])
        return latent, hg.measure_motion(frames.reshape(-1, *frames.shape[-3:]), info.motion_scale, cues.mask)

    def draft(tried: hg.Cues) -> torch.Tensor:
        return attempt(tried, steps_of_draft)[1]

    return hg.match_motion(attempt, cues, rounds, hg.motion_reach(info), draft if steps_of_draft else None)


def match_note(found: hg.MotionMatch) -> list[dict[str, Any]]:
    """What the node says of the result."""
    values = {"count": len(found.misses), "miss": round(found.miss), "first": round(found.first_miss)}
    drafts = len(found.draft_misses)
    said = note(DRAFTED, drafts=drafts, **values) if drafts else note(MATCHED, **values)
    return said["higen_notes"]
