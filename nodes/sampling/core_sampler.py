"""The samplers of `higen_core` as SAMPLERs of ComfyUI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import comfy.model_management
import comfy.utils
import torch
from comfy.samplers import Sampler

from ... import higen_core as hg
from ...higen_core.diffusion.acceleration.fitted import fitted_steps
from ...higen_core.diffusion.guidance import Velocity
from ...higen_core.diffusion.sampling import velocity_from_denoiser
from ...higen_core.diffusion.schedule import STEPS, timesteps
from .previews import preview_callback


class CoreSampler(Sampler):
    """One of `hg.SAMPLERS` at given time steps, or the one of a fitted schedule. It starts from noise alone."""

    def __init__(self, name: str, timesteps: Sequence[int], schedule: hg.FittedSchedule | None = None):
        if schedule is None and name not in hg.SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(hg.SAMPLERS)}, got {name!r}, as the model says")
        self.name, self.timesteps, self.schedule = name, list(timesteps), schedule

    def sigmas(self, patcher: Any) -> torch.Tensor:
        """ComfyUI's noise levels of the time steps, and 0 at the end."""
        levels = patcher.get_model_object("model_sampling").sigmas
        if len(levels) != STEPS:
            raise ValueError(
                f"model has {len(levels)} noise levels, HiGen's samplers need {STEPS}: sample it with KSampler, or do "
                "not set lcm in ModelSamplingDiscrete"
            )
        return torch.cat([levels[self.timesteps], levels.new_zeros(1)])

    def sample(
        self, model_wrap, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, disable_pbar=False
    ) -> torch.Tensor:
        def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            return model_wrap(x, sigma.expand(len(x)), **extra_args)

        velocity = velocity_from_denoiser(denoise, dict(zip(self.timesteps, sigmas[:-1], strict=True)))
        for step in self._steps(velocity, noise):
            if callback is not None:  # as where another extension has replaced ComfyUI's previews
                callback(step.index - 1, step.x0, step.x, step.steps)
        return step.x

    def _steps(self, velocity: Velocity, noise: torch.Tensor) -> Iterator[hg.SamplerStep]:
        if self.schedule is not None:
            return fitted_steps(velocity, noise, self.schedule)
        return hg.SAMPLERS[self.name](velocity, noise, self.timesteps)


def sample(
    guider: Any,
    noise: torch.Tensor,
    name: str,
    steps: int,
    seed: int,
    callback: Any = None,
    schedule: hg.FittedSchedule | None = None,
) -> dict[str, torch.Tensor]:
    """Samples a LATENT of the shape of the noise, with ComfyUI's progress bar, previews and cancellation.

    `callback` takes the place of ComfyUI's own, which makes a bar and previews for one sampling, and `schedule` that of
    sampler and steps.
    """
    patcher = guider.model_patcher
    visited = schedule.timesteps if schedule else timesteps(steps, patcher.model.info.timestep_spacing)
    sampler = CoreSampler(name, visited, schedule)
    samples = guider.sample(
        noise,
        torch.zeros_like(noise),
        sampler,
        sampler.sigmas(patcher),
        callback=callback or preview_callback(patcher, len(visited), patcher.model.info.fps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=seed,
    )
    return {"samples": samples.to(comfy.model_management.intermediate_device())}
