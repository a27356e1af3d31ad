"""Acceleration of the temporal stage in any sampler that ComfyUI runs on a HiGen MODEL."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from comfy.patcher_extension import WrappersMP
from comfy.samplers import CFGGuider, calc_cond_batch

from ... import higen_core as hg
from ...higen_core.diffusion.acceleration.forecast import COND, AcceleratedRun
from ..conditioning import cues_of
from .core_sampler import CoreSampler
from .guider import TextAndAppearanceGuider
from .settings import stands_for_model

KEY = "higen_acceleration"
"""Of the transformer options that hold the Acceleration, and of the wrapper that applies it."""
EVALUATE = "sampler_calc_cond_batch_function"
"""Key of ComfyUI's model options: what evaluates the conditionings of a step."""
BRANCHES = (COND, "text", "appearance")
"""What the conditionings are that guiders evaluate, in their order."""
FITTED = "fitted at cfg {:g}"
"""What the sampler of a schedule is called on the node, with the text guidance that it was fitted at."""
GUIDERS = (CFGGuider, TextAndAppearanceGuider)
"""Guiders that evaluate through EVALUATE. Those that inherit it from them do too."""
TOLERANCE = 1e-4
"""Relative, between a noise level and that of a step."""


def accelerated(model: Any, acceleration: hg.Acceleration) -> Any:
    """A clone of a MODEL with an acceleration, in place of one that it may have; the same MODEL for one that is exact.

    Raises:
        ValueError: the MODEL has a cache of ComfyUI.
    """
    if not acceleration.exact:
        check_caches(model.model_options)
    model = model.clone()
    options = model.model_options.setdefault("transformer_options", {})
    model.remove_wrappers_with_key(WrappersMP.SAMPLER_SAMPLE, KEY)
    options.pop(KEY, None)
    if not acceleration.exact:
        options[KEY] = acceleration
        model.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, sample_accelerated)
    return model


def acceleration_of(model: Any) -> hg.Acceleration:
    """That of a MODEL; one that leaves nothing out if it has none."""
    return model.model_options.get("transformer_options", {}).get(KEY, hg.Acceleration())


def accelerated_steps(model: Any, steps: int, sampler: str) -> tuple[hg.FittedSchedule | None, dict[str, Any]]:
    """The schedule that a MODEL is sampled with where the inputs `steps` and `sampler` are left to it, and what they
    then stand for."""
    acceleration, sampling = acceleration_of(model), model.model.info.sampling
    recommended = {"steps": acceleration.steps or sampling.steps, "sampler": sampling.sampler}
    asked = {"steps": steps, "sampler": sampler}
    given = {name: None if stands_for_model(name, value) else value for name, value in asked.items()}
    schedule = acceleration.schedule_for(given["steps"], None, given["sampler"])
    return schedule, recommended | (
        {"steps": len(schedule.steps), "sampler": FITTED.format(schedule.guidance)} if schedule else {}
    )


def check_caches(model_options: dict[str, Any]) -> None:
    """Raises ValueError for the caches of ComfyUI, which leave out evaluations by rules of their own."""
    if (cache := model_options.get("transformer_options", {}).get("easycache")) is not None:
        name = {"EasyCacheHolder": "EasyCache", "LazyCacheHolder": "LazyCache"}.get(type(cache).__name__, "EasyCache")
        raise ValueError(
            f"model has {name}, which cannot be combined with HiGen Accelerate, as both leave out evaluations: remove "
            f"{name}, or HiGen Accelerate"
        )


def sample_accelerated(
    sample: Any, guider: Any, sigmas: torch.Tensor, extra_args: dict, *args: Any, **options: Any
) -> torch.Tensor:
    """Wraps every sampler that ComfyUI runs on a HiGen model. The spatial stage stays as it is.

    Raises:
        ValueError: a cache of ComfyUI, or a guider that evaluates the network in its own way.
    """
    model_options = extra_args["model_options"]
    acceleration = model_options["transformer_options"][KEY]
    schedule = sample.class_obj.schedule if isinstance(sample.class_obj, CoreSampler) else None
    run = AcceleratedRun.of(acceleration, len(sigmas) - 1, schedule)
    if cues_of(guider.conds) is None or run is None:
        return sample(guider, sigmas, extra_args, *args, **options)
    check_caches(model_options)
    if not any(type(guider).predict_noise is known.predict_noise for known in GUIDERS):
        raise ValueError(
            f"guider is {type(guider).__name__}, which evaluates the model in its own way, and HiGen Accelerate cannot "
            "speed it up: use CFGGuider or HiGen Guider, or remove HiGen Accelerate"
        )
    model_options[EVALUATE] = AcceleratedEvaluation(run, sigmas, model_options.get(EVALUATE))
    samples = sample(guider, sigmas, extra_args, *args, **options)
    logging.info(
        "HiGen Accelerate: %d evaluations of the model in %d steps, %d saved",
        *(run.evaluated, len(sigmas) - 1, run.asked - run.evaluated),
    )
    return samples


class AcceleratedEvaluation:
    """What evaluates the conditionings of a step, in ComfyUI's `sampling_function` and in HiGen Guider."""

    def __init__(self, run: AcceleratedRun, sigmas: torch.Tensor, evaluate: Any = None):
        self.run, self.sigmas = run, [float(sigma) for sigma in sigmas[:-1]]
        self.evaluate = evaluate or evaluate_all

    def __call__(self, args: dict[str, Any]) -> list[torch.Tensor]:
        """The estimates of clean latents for each of the conds; zeros where one is None, as ComfyUI has it."""
        conds, sigma = args["conds"], float(args["sigma"].flatten()[0])
        step = self._step(sigma)
        wanted = [name for name, cond in zip(BRANCHES, conds, strict=False) if cond is not None]
        if step is None:  # samplers of higher order also evaluate between the steps
            self.run.asked += len(wanted)
            self.run.evaluated += len(wanted)
            return self.evaluate(args)

        def evaluate(names: Sequence[str]) -> dict[str, torch.Tensor]:
            chosen = [cond if name in names else None for name, cond in zip(BRANCHES, conds, strict=False)]
            return dict(zip(BRANCHES, self.evaluate(args | {"conds": chosen}), strict=False))

        estimates = self.run.step(step, -math.log(sigma), wanted[1:], evaluate)
        zeros = torch.zeros_like(args["input"])
        return [estimates[name] if name in wanted else zeros for name, _ in zip(BRANCHES, conds, strict=False)]

    def _step(self, sigma: float) -> int | None:
        for step, level in enumerate(self.sigmas):
            if abs(sigma - level) <= TOLERANCE * level:
                return step
        return None


def evaluate_all(args: dict[str, Any]) -> list[torch.Tensor]:
    """ComfyUI's own evaluation."""
    return calc_cond_batch(args["model"], args["conds"], args["input"], args["sigma"], args["model_options"])
