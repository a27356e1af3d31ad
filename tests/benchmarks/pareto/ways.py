"""The ways that are compared: samplers of the core with fewer steps, and the methods of `hg.Acceleration`."""

from __future__ import annotations

import higen_core as hg
from higen_core.diffusion.acceleration.options import Acceleration
from higen_core.models.info import ModelInfo

from .sampling import Way, plain

STEPS = (3, 4, 5, 6, 8, 10, 17, 25)
EVERY_SECOND = (6, 10, 17)
"""Steps with guidance terms that are forecast in every second one."""
FORECAST = (3, 5, 8)
"""Steps of 50 from one evaluation to the next; in between, the estimate is forecast."""


def all_ways(info: ModelInfo) -> list[Way]:
    """All ways for weights: their own schedules are among them."""
    plain_ways = [plain(sampler, steps) for sampler in ("ddim", "dpmpp_2m") for steps in STEPS]
    return [*plain_ways, *presets(info), *forecasts()]


def presets(info: ModelInfo) -> list[Way]:
    """The presets, and what else was fitted to the weights. Steps and sampler are theirs."""
    names = [name for name in hg.PRESETS if name != "exact"]
    chosen = {name: Acceleration.preset(name, info) for name in names}
    chosen |= {name: Acceleration(schedule) for name, schedule in info.schedules.items() if name not in names}
    ways = []
    for name, acceleration in chosen.items():
        label = f"preset {name}" if name in names else f"fitted, {name}"
        ways.append(Way(label, "fitted to the weights", {"acceleration": acceleration}, volatile=True))
    return ways


def forecasts() -> list[Way]:
    """What is forecast in between evaluations, in DDIM with the spacing of the released procedure."""
    ways = []
    for steps in EVERY_SECOND:
        options = plain("ddim", steps).options | {"acceleration": Acceleration(guidance_every=2)}
        curve = "DDIM, guidance every 2nd step"
        ways.append(Way(f"DDIM, {steps} steps, guidance every 2nd", curve, options, volatile=True))
    for every in FORECAST:
        options = plain("ddim", 50).options | {"acceleration": Acceleration(evaluate_every=every, order=2)}
        name = f"DDIM, 50 steps, evaluated every {every}th" if every > 3 else "DDIM, 50 steps, evaluated every 3rd"
        ways.append(Way(name, "DDIM, 50 steps, forecast estimates", options, volatile=True))
    return ways
