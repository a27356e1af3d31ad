"""NOISE of a video, with the offset noise and the correlation between frames that the weights were trained with."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange

from ... import higen_core as hg
from ..conditioning import cues_of
from ..latents import LATENT_CHANNELS, frames_and_size
from .windows import check_windows, is_loop, with_frames_in_the_batch

LOOP = "higen_loop"
"""Key of the transformer options that says that the windows of a clip close a loop."""


class VideoNoise:
    """NOISE of a seed for cues, correlated by their motion as in `hg.draw_correlated_noise`."""

    def __init__(self, seed: int, cues: hg.Cues, correlation: float, loop: bool = False):
        self.seed, self.cues, self.correlation, self.loop = seed, cues, correlation, loop

    @classmethod
    def of_cues(cls, seed: int, cues: hg.Cues, info: hg.ModelInfo, loop: bool = False) -> VideoNoise:
        """The noise for a video that is to show these cues."""
        return cls(seed, hg.calibrate(cues, info), info.noise_correlation, loop)

    def generate_noise(self, latent: dict[str, Any]) -> torch.Tensor:
        """Noise for a video LATENT, (f, 4, h, w), on the CPU.

        Raises:
            ValueError: the latent has another number of frames than the cues.
        """
        frames, height, width = frames_and_size(latent["samples"].shape)
        if frames != self.cues.frames:
            raise ValueError(f"the latent has {frames} frames, but the noise is for cues of {self.cues.frames}")
        shape = (1, LATENT_CHANNELS, frames, height, width)
        motion = self.cues.motion_map(height, width)
        noise = hg.draw_correlated_noise(self.seed, shape, motion, self.correlation, self.loop)
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
        options_of_model = extra_args["model_options"]
        handler = options_of_model.get("context_handler")
        check_windows(cues.frames, guider.inner_model, handler)
        if handler is not None:
            options_of_model["context_handler"] = with_frames_in_the_batch(handler)
            options_of_model["transformer_options"][LOOP] = is_loop(handler)
        seed = extra_args.get("seed")
        if seed is not None and is_plain_noise(noise, seed):
            video_noise = VideoNoise.of_cues(seed, cues, guider.inner_model.info, is_loop(handler))
            noise = video_noise.generate_noise({"samples": noise}).to(noise)
    return sample(guider, sigmas, extra_args, callback, noise, *args, **options)


def is_plain_noise(noise: torch.Tensor, seed: int) -> bool:
    """Whether ComfyUI has drawn the noise from the seed; it may have rounded it to the dtype of the latent."""
    return torch.allclose(noise.float().cpu(), hg.draw_noise(seed, tuple(noise.shape)), atol=0.03, rtol=0)
