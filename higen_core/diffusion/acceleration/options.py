"""What is left out of sampling to make it faster, and presets of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from reprlib import repr as short_repr

from ...models.info import ModelInfo
from ...models.schedules import FittedSchedule

PRESETS = ("exact", "balanced", "fast")
"""From the slowest to the fastest."""
STEPS = {"balanced": 16, "fast": 8}
"""Of presets, for weights that state no schedule."""
ORDER_MOST = 3


@dataclass(frozen=True)
class Acceleration:
    """How the temporal stage is sampled with fewer evaluations of the network. The defaults leave nothing out: the
    result is the exact one, to the bit.

    A null branch is the network under all conditions but one, which classifier-free guidance compares with: the text
    has one, the appearance cue another. What the comparison gives is a guidance term.

    Attributes:
        schedule: time steps, solver and null branches that were fitted to the weights. It takes the place of steps,
            sampler and the other parts, which take effect where steps or a sampler are asked for.
        steps: denoising steps where none are asked for; None for as many as suit the weights.
        guidance_every: steps from one evaluation of the null branches to the next; in between, the guidance terms are
            forecast from those evaluated.
        guidance_order: degree of the polynomial in log-SNR that forecasts them; 0 keeps the last.
        guidance_start, guidance_end: part of the steps, 0..1, in which there is guidance.
        agreement: a null branch is not evaluated any more once its guidance term is smaller than this fraction of the
            estimate of the clean latents (root mean squares); 0 never.
        evaluate_every: steps from one evaluation of the network to the next; in between, the estimate of the clean
            latents is forecast. The first two steps and the last are always evaluated.
        order: degree of the polynomial in log-SNR that forecasts it; 0 keeps the last.
        gate: a forecast that changes the estimate by more than this fraction (root mean squares) is replaced by an
            evaluation; 0 for no limit.

    Raises:
        ValueError: a value out of range.
    """

    schedule: FittedSchedule | None = None
    steps: int | None = None
    guidance_every: int = 1
    guidance_order: int = 1
    guidance_start: float = 0.0
    guidance_end: float = 1.0
    agreement: float = 0.0
    evaluate_every: int = 1
    order: int = 1
    gate: float = 0.0

    def __post_init__(self) -> None:
        for name, least, most, whole in (
            ("steps", 1, 1000, True),
            ("guidance_every", 1, 1000, True),
            ("guidance_order", 0, ORDER_MOST, True),
            ("guidance_start", 0.0, 1.0, False),
            ("guidance_end", 0.0, 1.0, False),
            ("agreement", 0.0, 1.0, False),
            ("evaluate_every", 1, 1000, True),
            ("order", 0, ORDER_MOST, True),
            ("gate", 0.0, math.inf, False),
        ):
            value = getattr(self, name)
            if name == "steps" and value is None:
                continue
            kind = int if whole else int | float
            if not isinstance(value, kind) or isinstance(value, bool) or not least <= value <= most:
                number = "a whole number" if whole else "a number"
                raise ValueError(f"{name} must be {number} from {least} to {most}, got {short_repr(value)}")
        if self.guidance_start >= self.guidance_end:
            raise ValueError(
                f"guidance_start must be below guidance_end, got {self.guidance_start} and {self.guidance_end}"
            )

    @property
    def exact(self) -> bool:
        """Whether it changes nothing."""
        return self.schedule is None and self.steps is None and not self.forecasts

    @property
    def forecasts(self) -> bool:
        """Whether anything is left out in the steps of a sampler, as opposed to a schedule."""
        of_degree = {"guidance_order": self.guidance_order, "order": self.order, "gate": self.gate}
        return self != Acceleration(self.schedule, self.steps, **of_degree)

    def schedule_for(self, steps: object, timesteps: object, sampler: object) -> FittedSchedule | None:
        """The schedule, unless steps, time steps or a sampler are asked for."""
        return self.schedule if steps is None and timesteps is None and sampler is None else None

    @classmethod
    def preset(cls, name: str, info: ModelInfo) -> Acceleration:
        """One of PRESETS for weights: the schedule that was fitted to them if they state one, or else fewer steps and
        fewer evaluations of the null branches.

        Raises:
            ValueError: another name.
        """
        if name not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {name!r}")
        if name == "exact":
            return cls()
        return cls(info.schedules.get(name), min(STEPS[name], info.sampling.steps), guidance_every=2)
