"""The samplers of `higen_core` as SAMPLERs of ComfyUI."""

from __future__ import annotations

from typing import Any

import comfy.model_management
import comfy.utils
import torch
from comfy.samplers import Sampler

from ... import higen_core as hg
from ...higen_core.diffusion.sampling import velocity_from_denoiser
from ...higen_core.diffusion.schedule import STEPS, timesteps
from .previews import preview_callback


class CoreSampler(Sampler):
    """One of `hg.SAMPLERS` at given time steps. It starts from noise alone."""

    def __init__(self, name: str, timesteps: list[int]):
        self.steps, self.timesteps = hg.SAMPLERS[name], timesteps

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
        for step in self.steps(velocity, noise, self.timesteps):
            if callback is not None:  # as where another extension has replaced ComfyUI's previews
                callback(step.index - 1, step.x0, step.x, step.steps)
        return step.x


def sample(
    guider: Any, noise: torch.Tensor, name: str, steps: int, seed: int, callback: Any = None
) -> dict[str, torch.Tensor]:
    """Samples a LATENT of the shape of the noise, with ComfyUI's progress bar, previews and cancellation.

    `callback` takes the place of ComfyUI's own, which makes a bar and previews for one sampling.
    """
    patcher = guider.model_patcher
    sampler = CoreSampler(name, timesteps(steps, patcher.model.info.timestep_spacing))
    samples = guider.sample(
        noise,
        torch.zeros_like(noise),
        sampler,
        sampler.sigmas(patcher),
        callback=callback or preview_callback(patcher, steps, patcher.model.info.fps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=seed,
    )
    return {"samples": samples.to(comfy.model_management.intermediate_device())}
