"""The sampler of a schedule that was fitted to weights."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...models.schedules import FittedSchedule
from ..guidance import Velocity
from ..sampling import SamplerStep
from ..schedule import x0_and_eps


@torch.no_grad()
def fitted_steps(velocity: Velocity, x: Tensor, schedule: FittedSchedule) -> Iterator[SamplerStep]:
    """Samples with the weights of a schedule: x of a step is the weighted sum of x, of the estimates of x0 so far and
    of the noise that sampling started from.

    This is a linear multistep method, as DDIM and DPM-Solver++ are with weights of the noise schedule alone.

    Args:
        velocity: the velocity of x at a time step.
        x: noise (b, ...).
        schedule: of the weights, `ModelInfo.schedules`.
    """
    noise, estimates = x, []
    for index, step in enumerate(schedule.steps, start=1):
        x0, _ = x0_and_eps(x, velocity(x, step.t), step.t)
        estimates = [x0, *estimates]
        x = step.x * x + step.noise * noise
        for weight, estimate in zip(step.estimates, estimates, strict=False):
            x = x + weight * estimate
        yield SamplerStep(index, len(schedule.steps), x, x0)
