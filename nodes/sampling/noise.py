"""NOISE of a video, with the offset noise and the correlation between frames that the weights were trained with."""

from __future__ import annotations

import weakref
from copy import copy
from typing import TYPE_CHECKING, Any

import torch
from einops import rearrange

from ... import higen_core as hg
from ..conditioning import cues_of
from ..latents import LATENT_CHANNELS, frames_and_size

if TYPE_CHECKING:
    from ..models.model import HigenModel


class VideoNoise:
    """NOISE of a seed for cues, correlated by their motion as in `hg.draw_correlated_noise`."""

    def __init__(self, seed: int, cues: hg.Cues, correlation: float):
        self.seed, self.cues, self.correlation = seed, cues, correlation

    def generate_noise(self, latent: dict[str, Any]) -> torch.Tensor:
        """Noise for a video LATENT, (f, 4, h, w), on the CPU.

        Raises:
            ValueError: the latent has another number of frames than the cues.
        """
        frames, height, width = frames_and_size(latent["samples"].shape)
        if frames != self.cues.frames:
            raise ValueError(f"the latent has {frames} frames, but the noise is for cues of {self.cues.frames}")
        shape = (1, LATENT_CHANNELS, frames, height, width)
        noise = hg.draw_correlated_noise(self.seed, shape, self.cues.motion_map(height, width), self.correlation)
        return rearrange(noise, "1 c f h w -> f c h w")


def sample_with_video_noise(
    sample: Any,
    guider: Any,
    sigmas: Any,
    extra_args: dict,
    callback: Any,
    noise: torch.Tensor,
    *args: Any,
    **options: Any,
) -> torch.Tensor:
    """Wraps every sampler that ComfyUI runs on a HiGen model.

    A video that would start from the plain noise of a seed starts from the VideoNoise of that seed. Other noise is
    left alone: that of HiGen Video Noise, and the zeros of KSampler (Advanced) with add_noise off.
    """
    cues = cues_of(guider.conds)
    if cues is not None:
        handler = extra_args["model_options"].get("context_handler")
        check_length(cues.frames, guider.inner_model, handler)
        if handler is not None:
            extra_args["model_options"]["context_handler"] = with_frames_in_the_batch(handler)
        seed = extra_args.get("seed")
        if seed is not None and is_plain_noise(noise, seed):
            video_noise = VideoNoise(seed, cues, guider.inner_model.info.noise_correlation)
            noise = video_noise.generate_noise({"samples": noise}).to(noise)
    return sample(guider, sigmas, extra_args, callback, noise, *args, **options)


def is_plain_noise(noise: torch.Tensor, seed: int) -> bool:
    """Whether ComfyUI has drawn the noise from the seed; it may have rounded it to the dtype of the latent."""
    return torch.allclose(noise.float().cpu(), hg.draw_noise(seed, tuple(noise.shape)), atol=0.03, rtol=0)


def check_length(frames: int, model: HigenModel, context_handler: Any) -> None:
    """Raises ValueError for more frames than the weights were trained on, unless they are sampled in windows."""
    trained = model.info.frames
    if context_handler is None and frames > trained:
        raise ValueError(
            f"cues are for {frames} frames, this model was trained on {trained}: lower frames in HiGen Cue Schedule, "
            "or sample in windows with Context Windows (Manual)"
        )
    if context_handler is not None and min(frames, context_handler.context_length) > trained:
        raise ValueError(
            f"context_length is {context_handler.context_length}, this model was trained on {trained} frames: lower it"
        )


def with_frames_in_the_batch(context_handler: Any) -> Any:
    """The handler of context windows for a batch of frames, all at one noise level.

    That of ComfyUI 0.3.75 fails with more than one noise level, so it is given the first. That of later ones puts
    a frame before each window, which HiGen, not being causal, does not need.
    """
    if context_handler.dim != 0:
        raise ValueError(f"context windows must be along dim 0, the frames, for HiGen, got dim {context_handler.dim}")
    handler = copy(context_handler)
    handler.causal_window_fix = False
    set_step, reference = type(handler).set_step, weakref.ref(handler)  # a cycle would keep the weights in memory
    handler.set_step = lambda timestep, model_options: set_step(reference(), timestep[:1], model_options)
    return handler
