"""Text to video in two stages: `sample_prior`, then `sample_video` (paper, section 3.2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from einops import repeat
from torch import Tensor

from ..cues.cues import Cues
from ..cues.response import calibrate
from ..models.info import ModelInfo
from ..models.unet import UNet
from .acceleration.fitted import fitted_steps
from .acceleration.forecast import AcceleratedRun
from .acceleration.guidance import Change, video_velocity
from .acceleration.options import Acceleration
from .estimates import changed_estimates, hold_still, keep_frames
from .guidance import Branches, Velocity, branches_of, classifier_free_guidance
from .noise import OFFSET_NOISE, correlate_loop, correlate_noise
from .sampling import SAMPLERS, SamplerStep
from .schedule import check_timesteps
from .schedule import timesteps as spaced_timesteps
from .windows import plan_windows


def prior_steps(
    unet: UNet,
    text: Tensor,
    uncond: Tensor,
    *,
    noise: Tensor,
    steps: int | None = None,
    timesteps: Sequence[int] | None = None,
    guidance: float | None = None,
    sampler: str | None = None,
    batch_guidance: bool = True,
) -> Iterator[SamplerStep]:
    """Spatial stage: samples the spatial prior. The x of the last step is the result, (b, c, 1, h, w).

    Args:
        unet: the denoiser. Tensors may be on any device and in any floating-point dtype: they are moved to the device
            of the network, and the sampler's state is float32.
        text: text states of the prompts (b, l, d).
        uncond: text states of the negative prompt, (1, l, d) or (b, l, d), of any length l.
        noise: (b, c, 1, h, w); see `draw_noise`.
        steps: number of denoising steps, 1..1000, spaced as `unet.info.timestep_spacing` says. None for steps, guidance
            or sampler is what suits the weights, `unet.info.sampling`.
        timesteps: the time steps to visit, 0..999, strictly falling, in place of `steps`; see `schedule.timesteps`.
        guidance: classifier-free guidance scale; 1 is no guidance.
        sampler: "ddim", the released one, or "dpmpp_2m".
        batch_guidance: evaluate the conditional and the null branch in one call, which takes more memory.

    Raises:
        ValueError: an argument of the wrong shape or out of range; the message names it.
    """
    if noise.ndim != 5 or noise.shape[2] != 1:
        raise ValueError(f"noise of the spatial stage must be (b, c, 1, h, w), got {tuple(noise.shape)}")
    text, uncond = _text_states(unet, text, uncond)
    guidance = unet.info.sampling.prior_guidance if guidance is None else guidance
    velocity = classifier_free_guidance(unet, {"text": text}, [(guidance, {"text": uncond})], batch_guidance)
    return _sample(unet, velocity, noise, sampler, _visited(unet, steps, timesteps))


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
    keep: Sequence[int] = (),
    noise_correlation: float | None = None,
    steps: int | None = None,
    timesteps: Sequence[int] | None = None,
    guidance: float | None = None,
    appearance_guidance: float | None = None,
    sampler: str | None = None,
    batch_guidance: bool = True,
    chunk: int | None = None,
    context_length: int | None = None,
    context_overlap: int | None = None,
    loop: bool = False,
    calibrated: bool = True,
    acceleration: Acceleration | None = None,
) -> Iterator[SamplerStep]:
    """Temporal stage: samples the frames. The x of the last step is the result, (b, c, f, h, w).

    More frames than the weights were trained on are sampled in overlapping windows, which see the same prior; time
    grows in proportion, and memory hardly.

    Args:
        unet, text, uncond, steps, timesteps, sampler, batch_guidance: as in `prior_steps`.
        prior: spatial prior (b, c, h, w), or one a frame (b, f, c, h, w); see `blend_priors`.
        cues: motion and appearance of f frames, the same for all videos of the batch.
        noise: white noise (b, c, f, h, w); see `draw_video_noise`.
        offset_noise: (b, c, f, 1, 1), added with weight OFFSET_NOISE; None adds none.
        prior_strength: 0..1, factor on the prior. The network embeds the prior with one convolution, so this blends
            its embedding with that of no prior. 1 is what the networks were trained with.
        keep: frames that show exactly their priors, such as `key_frames` of a track; needs a prior a frame.
        noise_correlation: see `correlate_noise`; 0 for independent noise, None for the value of the weights
            (`unet.info`).
        guidance: scale of the guidance on the text, None for that of the weights; the null branch has the same prior
            and cues.
        appearance_guidance: scale of the guidance on the appearance cue; the null branch has the same text, prior and
            motion cue. Above 1, small changes of appearance become smaller and large ones larger, at the cost of one
            more evaluation a step. None is the value of the weights; weights that were trained without null cues
            allow 1 only. `guidance.classifier_free_guidance` has the formula for both scales.
        chunk: frames that a layer processes at a time, to save memory; the result is the same. See `hg.plan`.
        context_length, context_overlap: frames of a window, and those that neighboring windows share; None for the
            length of the training clips and half of it. See `windows.plan_windows`.
        loop: make a clip whose first frame follows its last. Cues and noise close too: appearance as in
            `Cues.looped`, and the motion from the last frame to the first is the mean of the clip.
        calibrated: whether motion is what the finished video is to show, where the weights state how they respond to
            it (`hg.calibrate`). False gives the network the cues as they are.
        acceleration: what to leave out; None for nothing. A schedule of its own takes the place of steps and sampler
            where none of steps, timesteps and sampler is given; where one is, its other parts take effect.

    Raises:
        ValueError: an argument of the wrong shape or out of range; the message names it.
    """
    if not 0 <= prior_strength <= 1:
        raise ValueError(f"prior_strength must be between 0 and 1, got {prior_strength}")
    correlation = unet.info.noise_correlation if noise_correlation is None else noise_correlation
    if correlation < 0:
        raise ValueError(f"noise_correlation must not be negative, got {correlation}")
    if noise.ndim != 5 or noise.shape[2] != cues.frames:
        raise ValueError(f"noise must be (b, c, {cues.frames}, h, w) for these cues, got {tuple(noise.shape)}")
    appearance_guidance = resolve_appearance_guidance(unet.info, appearance_guidance)
    guidance = unet.info.sampling.video_guidance if guidance is None else guidance
    b, device = len(noise), unet.device
    prior = prior.to(device)
    shown_as = partial(calibrate, info=unet.info) if calibrated else lambda cues: cues
    text, uncond = _text_states(unet, text, uncond)
    windows = plan_windows(cues.frames, unet.info.frames, context_length, context_overlap, loop)
    cues = cues.looped() if loop else cues
    height, width = noise.shape[3:]

    def batch(conditions: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: repeat(value.to(device), "... -> b ...", b=b) for name, value in conditions.items()}

    def part(frames: Sequence[int] | None = None) -> tuple[Branches, Change]:
        own = (cues, prior, kept) if frames is None else _of_frames(frames, cues, prior, kept)
        own_cues, own_prior, own_kept = shown_as(own[0]), *own[1:]
        cond = {"text": text, "prior": prior_strength * own_prior}
        cond |= batch(own_cues.conditions(height, width))
        of_name = {
            "text": cond | {"text": uncond},
            "appearance": cond | batch(own_cues.conditions(height, width, null_appearance=True)),
        }
        changes = [partial(hold_still, mask=cond["mask"])] if own_cues.still_outside else []
        changes += [] if own_kept is None else [partial(keep_frames, priors=own_prior, keep=own_kept)]
        conds = [cond, *(of_name[name] for name, _ in nulls)]
        return branches_of(partial(unet, chunk=chunk), conds, batch_guidance), partial(_changed, changes=changes)

    nulls = [(name, scale) for name, scale in (("text", guidance), ("appearance", appearance_guidance)) if scale != 1]
    kept = _kept(keep, prior, cues.frames)
    schedule = acceleration and acceleration.schedule_for(steps, timesteps, sampler)
    steps = acceleration.steps if acceleration and steps is None else steps
    timesteps = schedule.timesteps if schedule else _visited(unet, steps, timesteps)
    run = AcceleratedRun.of(acceleration, len(timesteps), schedule)
    velocity = video_velocity(part, windows, nulls, timesteps, run)
    x = noise.to(device, torch.float32)
    if offset_noise is not None:
        x = x + OFFSET_NOISE * offset_noise.to(x)
    correlate = correlate_loop if loop else correlate_noise
    x = correlate(x, **batch({"motion": shown_as(cues).motion_map(height, width)}), correlation=correlation)
    return fitted_steps(velocity, x, schedule) if schedule else _sample(unet, velocity, x, sampler, timesteps)


def _of_frames(
    frames: Sequence[int], cues: Cues, prior: Tensor, kept: Tensor | None
) -> tuple[Cues, Tensor, Tensor | None]:
    """Cues, priors and kept frames of some of the frames."""
    rows = list(frames)
    return cues.select(rows), prior[:, rows] if prior.ndim == 5 else prior, None if kept is None else kept[rows]


def _changed(velocity: Velocity, changes: Sequence[Callable[[Tensor], Tensor]]) -> Velocity:
    """A velocity with the estimates of clean frames changed, one change after the other."""
    for change in changes:
        velocity = changed_estimates(velocity, change)
    return velocity


def _kept(keep: Sequence[int], prior: Tensor, frames: int) -> Tensor | None:
    """Which frames to keep, (f,) bool; None for none."""
    if not keep:
        return None
    if prior.ndim != 5 or any(not 0 <= i < frames for i in keep):
        raise ValueError(f"keep must be frames 0..{frames - 1} of a prior (b, f, c, h, w), got {list(keep)}")
    return torch.zeros(frames, dtype=torch.bool).index_fill(0, torch.tensor(keep), True).to(prior.device)


def resolve_appearance_guidance(info: ModelInfo, requested: float | None, name: str = "appearance_guidance") -> float:
    """The scale of the guidance on the appearance cue: as requested, or that of the weights if that is None.

    It is 1, no guidance, for weights that state none. `name` is what error messages call the scale.

    Raises:
        ValueError: a negative scale, or a scale other than 1 for weights that were trained without null cues.
    """
    if requested is None:
        return 1.0 if info.appearance_guidance is None else info.appearance_guidance
    if requested < 0:
        raise ValueError(f"{name} must not be negative, got {requested}")
    if requested != 1 and info.appearance_guidance is None:
        raise ValueError(
            f"{name} is {requested}, but these weights were trained without a null appearance cue and "
            "cannot be guided on it: set it to 1"
        )
    return requested


def sample_prior(unet: UNet, text: Tensor, uncond: Tensor, *, noise: Tensor, **options) -> Tensor:
    """Runs `prior_steps` to its end -> (b, c, h, w)."""
    return _last(prior_steps(unet, text, uncond, noise=noise, **options)).x[:, :, 0]


def sample_video(
    unet: UNet, text: Tensor, uncond: Tensor, *, prior: Tensor, cues: Cues, noise: Tensor, **options
) -> Tensor:
    """Runs `video_steps` to its end -> (b, c, f, h, w)."""
    return _last(video_steps(unet, text, uncond, prior=prior, cues=cues, noise=noise, **options)).x


def _text_states(unet: UNet, text: Tensor, uncond: Tensor) -> tuple[Tensor, Tensor]:
    """Both on the device of the network, with the batch of `text`."""
    if uncond.ndim != 3 or len(uncond) not in (1, len(text)):
        raise ValueError(f"uncond must be (1 or {len(text)}, l, d), got {tuple(uncond.shape)}")
    return text.to(unet.device), uncond.to(unet.device).expand(len(text), -1, -1)


def _visited(unet: UNet, steps: int | None, timesteps: Sequence[int] | None) -> list[int]:
    """The time steps that a sampler visits."""
    recommended = unet.info.sampling.steps
    if timesteps is None:
        timesteps = spaced_timesteps(recommended if steps is None else steps, unet.info.timestep_spacing)
    return check_timesteps(timesteps)


def _sample(
    unet: UNet, velocity: Velocity, noise: Tensor, sampler: str | None, timesteps: Sequence[int]
) -> Iterator[SamplerStep]:
    sampler = unet.info.sampling.sampler if sampler is None else sampler
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, got {sampler!r}")
    return SAMPLERS[sampler](velocity, noise.to(unet.device, torch.float32), timesteps)


def _last(run: Iterator[SamplerStep]) -> SamplerStep:
    return deque(run, maxlen=1).pop()
