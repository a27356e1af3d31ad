"""Text to video in two stages: `sample_prior`, then `sample_video` (paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from einops import repeat
from torch import Tensor

from .cues import UNTOLD_APPEARANCE, Cues
from .sampling import SAMPLERS, Step, guided
from .unet import UNet

OFFSET = 0.1
"""Share of per-frame, per-channel offset noise that the video stage adds to its white noise."""


def draw_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Gaussian noise, always drawn on the CPU: a seed gives the same video on every device."""
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def draw_video_noise(seed: int, shape: tuple[int, int, int, int, int]) -> tuple[Tensor, Tensor]:
    """White noise (b, c, f, h, w) and offset noise (b, c, f, 1, 1) from one seed."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(shape, generator=generator), torch.randn((*shape[:3], 1, 1), generator=generator)


def share_noise(noise: Tensor, motion: Tensor, sharing: float) -> Tensor:
    """Noise (b, c, f, h, w) whose frames are the more alike the less moves between them.

    A frame keeps exp(-(motion / sharing)^2) of the one before, and stays Gaussian. `motion` (b, f - 1) is 0..1000;
    below 0 it is untold, and nothing is kept; nor is with a sharing of 0. So stillness does not have to be made from
    noises that differ. It is the progressive noise of PYoCo (Ge et al. 2023), with the motion cue in the place of its
    constant.
    """
    if sharing == 0:
        return noise
    kept = torch.exp(-(motion.to(noise) / sharing).square()) * (motion >= 0)
    frames = [noise[:, :, 0]]
    for fresh, share in zip(noise.unbind(2)[1:], kept.unbind(1), strict=True):
        share = share.view(-1, 1, 1, 1)
        frames.append(share * frames[-1] + (1 - share.square()).sqrt() * fresh)
    return torch.stack(frames, dim=2)


def prior_steps(
    unet: UNet,
    text: Tensor,
    uncond: Tensor,
    *,
    noise: Tensor,
    steps: int = 50,
    guidance: float = 12.0,
    sampler: str = "ddim",
    batch_guidance: bool = True,
) -> Iterator[Step]:
    """Spatial reasoning: text (b, l, d) and noise (b, c, 1, h, w) to a picture; the last step's x is the result."""
    if noise.ndim != 5 or noise.shape[2] != 1:
        raise ValueError(f"noise of the spatial stage must be (b, c, 1, h, w), got {tuple(noise.shape)}")
    velocity = guided(unet, {"text": text}, [(guidance, {"text": _like(uncond, text)})], batch_guidance)
    return _sampler(sampler)(velocity, noise, steps)


def video_steps(
    unet: UNet,
    text: Tensor,
    uncond: Tensor,
    *,
    prior: Tensor,
    cues: Cues,
    noise: Tensor,
    offset_noise: Tensor | None = None,
    prior_strength: float = 1.0,
    noise_sharing: float | None = None,
    steps: int = 50,
    guidance: float = 12.0,
    appearance_guidance: float | None = None,
    sampler: str = "ddim",
    batch_guidance: bool = True,
    chunk: int | None = None,
) -> Iterator[Step]:
    """Temporal reasoning: text, prior (b, c, h, w), cues and noise (b, c, f, h, w) to frames.

    `offset_noise` (b, c, f, 1, 1) is drawn from another distribution than `noise`; see `draw_video_noise`. `guidance`
    is on the text alone: without the text, the prior and the cues are still told.

    `appearance_guidance` is guidance on the appearance cue: away from what the weights do with this cue untold. Above
    1 little change becomes less and much becomes more, for half as much time again. None stands for what the weights
    say: mini see its `unet.info`, released ones 1, since they never saw an untold cue.

    `prior_strength` 0..1 fades the prior out: the network embeds it with one convolution, so scaling it blends its
    embedding with that of no prior. 1 is what the networks were trained with; towards 0 the frames follow it less.

    `noise_sharing` is the motion at which a frame keeps 1/e of the noise of the one before, 0 for frames of their own
    noise each, None for what the weights were trained with: released ones 0, mini see its `unet.info`.

    `chunk` frames are worked on at a time, which saves memory without changing the result; see `hg.plan`.
    """
    if not 0 <= prior_strength <= 1:
        raise ValueError(f"prior_strength must be between 0 and 1, got {prior_strength}")
    sharing = unet.info.get("noise_sharing", 0.0) if noise_sharing is None else noise_sharing
    if sharing < 0:
        raise ValueError(f"noise_sharing must not be negative, got {sharing}")
    if noise.ndim != 5 or noise.shape[2] != cues.frames:
        raise ValueError(f"noise must be (b, c, {cues.frames}, h, w) for these cues, got {tuple(noise.shape)}")
    b = len(noise)
    on_appearance = appearance_guidance_of(unet.info, appearance_guidance)
    known = {
        "prior": prior_strength * prior,
        "motion": repeat(cues.motion.to(noise.device), "f -> b f", b=b),
        "appearance": repeat(cues.rows().to(noise.device), "f w -> b f w", b=b),
    }
    x = noise if offset_noise is None else noise + OFFSET * offset_noise
    x = share_noise(x, known["motion"], sharing)
    told = {"text": text, **known}
    unconds = [
        (guidance, told | {"text": _like(uncond, text)}),
        (on_appearance, told | {"appearance": torch.full_like(known["appearance"], UNTOLD_APPEARANCE)}),
    ]
    velocity = guided(partial(unet, chunk=chunk), told, unconds, batch_guidance)
    return _sampler(sampler)(velocity, x, steps)


def appearance_guidance_of(info: dict[str, Any], wanted: float | None) -> float:
    """What is `wanted`, or else what the weights say of themselves: 1, which is none, if they say nothing."""
    usual = info.get("appearance_guidance")
    if wanted is None:
        return 1.0 if usual is None else usual
    if wanted < 0:
        raise ValueError(f"guidance on the appearance cue must not be negative, got {wanted}")
    if wanted != 1 and usual is None:
        raise ValueError(
            f"guidance on the appearance cue is {wanted}, but these weights never saw that cue untold, so there is "
            "nothing to guide them away from: set it to 1"
        )
    return wanted


def sample_prior(unet: UNet, text: Tensor, uncond: Tensor, *, noise: Tensor, **options) -> Tensor:
    """Runs `prior_steps` to its end -> (b, c, h, w)."""
    return _last(prior_steps(unet, text, uncond, noise=noise, **options)).x[:, :, 0]


def sample_video(
    unet: UNet, text: Tensor, uncond: Tensor, *, prior: Tensor, cues: Cues, noise: Tensor, **options
) -> Tensor:
    """Runs `video_steps` to its end -> (b, c, f, h, w)."""
    return _last(video_steps(unet, text, uncond, prior=prior, cues=cues, noise=noise, **options)).x


def _like(uncond: Tensor, text: Tensor) -> Tensor:
    return uncond.expand(len(text), -1, -1)


def _sampler(name: str):
    if name not in SAMPLERS:
        raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, got {name!r}")
    return SAMPLERS[name]


def _last(run: Iterator[Step]) -> Step:
    step = next(run)
    for step in run:  # noqa: B007
        pass
    return step
