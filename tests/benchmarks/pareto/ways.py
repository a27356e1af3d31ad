"""The ways that are compared."""

from __future__ import annotations

from higen_core.models.info import ModelInfo

from .sampling import Way, plain

STEPS = (3, 4, 5, 6, 8, 10, 17, 25)


def all_ways(info: ModelInfo) -> list[Way]:
    """Fewer steps of each sampler."""
    return [plain(sampler, steps) for sampler in ("ddim", "dpmpp_2m") for steps in STEPS]
