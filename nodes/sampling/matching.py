"""Matching: a video is sampled again with corrected cues until it shows the motion asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from comfy_api.latest import io

from ... import higen_core as hg
from .previews import preview_callback
from .settings import note

ROUNDS_MAX = 20
Latent = dict[str, Any]


def match_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "match",
            default=0,
            min=0,
            max=ROUNDS_MAX,
            optional=True,
            tooltip="Rounds of matching: the video is measured and sampled again with corrected cues, so often at "
            "most, and the best one is kept. 0 samples once; 3 follow most curves closely and take four times as long. "
            "Needs vae.",
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
    sample: Callable[[hg.Cues, Any], Latent], cues: hg.Cues, rounds: int, vae: Any, model: Any, steps: int
) -> hg.MotionMatch[Latent]:
    """Runs `hg.match_motion` with one progress bar over all rounds.

    Args:
        sample: samples a LATENT in `steps` steps, with a callback for its progress.
        cues: those asked for.
        rounds: corrections at most.
        vae: decodes the frames.
        model: the MODEL that is sampled.
    """
    total = (rounds + 1) * steps
    progress = preview_callback(model, total, model.model.info.fps)
    samplings = iter(range(rounds + 1))
    info = model.model.info

    def attempt(tried: hg.Cues):
        first = next(samplings) * steps
        latent = sample(tried, lambda step, x0, x, _: progress(first + step, x0, x, total))
        frames = vae.decode(latent["samples"])
        return latent, hg.measure_motion(frames.reshape(-1, *frames.shape[-3:]), info.motion_scale)

    return hg.match_motion(attempt, cues, rounds, hg.motion_reach(info))


def match_note(found: hg.MotionMatch) -> list[dict[str, Any]]:
    """What the node says of the result."""
    text = "Matched in {count} samplings: motion misses the curve by {miss} on average, by {first} at first"
    values = {"count": len(found.misses), "miss": round(found.miss), "first": round(found.misses[0])}
    return note(text, **values)["higen_notes"]
