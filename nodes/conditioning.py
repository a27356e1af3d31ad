"""What a CONDITIONING holds for HiGen: text states, as CLIP Text Encode makes them, and a spatial prior with cues."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import replace
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Any

import comfy.conds
import node_helpers
import torch

from .. import higen_core as hg
from .latents import check_prior, frames_and_size, kept_frames
from .sampling.frame_cues import FrameCues

if TYPE_CHECKING:
    from .models.model import HigenModel

KEY = "higen_cues"
RELEASED_HINT = " or the text encoder of Stable Diffusion 2.x (OpenCLIP ViT-H-14)"
TEXT_MAX = float(torch.finfo(torch.float16).max)
"""Far above what a text encoder gives; larger states overflow in the network."""
OF_OTHER_MODELS = {
    "control": "ControlNet",
    "gligen": "GLIGEN",
    "unclip_conditioning": "unCLIP",
    "concat_latent_image": "inpainting or image-to-video latents",
    "concat_image": "an image to concatenate",
    "reference_latents": "reference latents",
    "clip_vision_output": "CLIP Vision output",
    "clip_vision_outputs": "CLIP Vision outputs",
    "guidance": "Flux guidance",
    "stable_cascade_prior": "a Stable Cascade prior",
    "audio_embed": "an audio embedding",
    "control_video": "a control video",
    "vace_frames": "VACE frames",
    "time_dim_concat": "frames to concatenate",
    "time_dim_replace": "frames to replace",
    "context_latents": "context latents",
    "keyframe_idxs": "keyframes",
    "reference_motion": "reference motion",
    "pose_video_latent": "a pose video",
    "face_video_pixels": "a face video",
}
"""Conditions of other models, by their key in a CONDITIONING, which HiGen's denoiser has no input for."""


NUMBERS = ("strength", "mask_strength", "start_percent", "end_percent")
"""Options of a CONDITIONING that are numbers."""


class CondCues(comfy.conds.CONDConstant):
    """FrameCues among ComfyUI's conds: not cast, repeated or sliced by ComfyUI. Those of a batch become a list."""

    def process_cond(self, batch_size: int, area: Sequence[int] | None = None, **_: Any) -> CondCues:
        """Crops prior and mask to an area (height, width, y, x), in latent cells."""
        if area is None:
            return self
        height, width, top, left = area
        return self._copy_with(self.cond.cropped(top, left, height, width))

    def can_concat(self, other: CondCues) -> bool:
        return self.cond.fits(other.cond)

    def concat(self, others: Sequence[CondCues]) -> list[FrameCues]:
        return [self.cond, *(other.cond for other in others)]


def check_conditioning(name: str, conditioning: list) -> None:
    """Raises ValueError, with the name of the input, for options of prompts that no sampler could read."""
    for _, options in conditioning:
        refuse_other_models(name, options)
        for key in NUMBERS:
            value = options.get(key, 1.0)
            if not isinstance(value, numbers.Real) or not math.isfinite(value):
                raise ValueError(f"{name}: {key} must be a finite number, got {short_repr(value)}")
        mask, area = options.get("mask"), options.get("area")
        if mask is not None and not (
            isinstance(mask, torch.Tensor) and mask.ndim in (2, 3) and torch.isfinite(mask).all()
        ):
            raise ValueError(
                f"{name}: mask must be a finite tensor (masks, height, width): check the node that sets it"
            )
        if area is not None and not _is_area(area):
            raise ValueError(f"{name}: area must be height, width, y and x, got {short_repr(area)}")
        if not isinstance(options.get(KEY), FrameCues | None):
            raise ValueError(f"{name}: its cues must be those of HiGen Apply Cues, got {short_repr(options[KEY])}")


def _is_area(area: Any) -> bool:
    """Whether it is (height, width, y, x), or these as fractions after the word "percentage"."""
    sides = area[1:] if isinstance(area, tuple | list) and area[:1] in (("percentage",), ["percentage"]) else area
    return isinstance(sides, tuple | list) and len(sides) == 4 and all(isinstance(side, numbers.Real) for side in sides)


def refuse_other_models(name: str, options: dict[str, Any]) -> None:
    """Raises ValueError for a condition that HiGen's denoiser has no input for; the message names it."""
    for key, meaning in OF_OTHER_MODELS.items():
        if options.get(key) is not None:
            raise ValueError(f"{name}: HiGen does not support {meaning} ({key}); connect a conditioning without it")


def apply_cues(conditioning: list, cues: hg.Cues, prior: dict[str, Any], prior_strength: float = 1.0) -> list:
    """The CONDITIONING with a prior, the LATENT of one image or a track, and cues. Errors: those of `check_prior`."""
    priors = check_prior(prior, frames=cues.frames)
    prior_values = priors[0] if len(priors) == 1 else priors
    value = FrameCues(cues, prior_values, prior_strength, keep=kept_frames(prior, cues.frames))
    return node_helpers.conditioning_set_values(conditioning, {KEY: value})


def has_cues(conditioning: list) -> bool:
    """Whether a CONDITIONING is for the temporal stage."""
    return any(KEY in options for _, options in conditioning)


def with_null_appearance(conditioning: list) -> list:
    """The prompts of a CONDITIONING that have cues, with the null appearance cue in place of theirs."""
    return [
        [states, options | {KEY: replace(options[KEY], null_appearance=True)}]
        for states, options in conditioning
        if KEY in options
    ]


class CondText(comfy.conds.CONDCrossAttn):
    """Text states. Those of different lengths are evaluated one after the other, as in the core: ComfyUI would repeat
    them up to the least common multiple of their lengths."""

    def can_concat(self, other: CondText) -> bool:
        return self.cond.shape == other.cond.shape and super().can_concat(other)


def check_weights(conds: dict[str, list[dict[str, Any]]]) -> None:
    """Raises ValueError for a strength that has no effect: ComfyUI divides by the sum of those that overlap."""
    for name, part in conds.items():
        for key in ("strength", "mask_strength"):
            if len(part) == 1 and part[0].get(key, 1.0) != 1.0:
                raise ValueError(
                    f"{name}: {key} {part[0][key]:g} of an area or a mask has no effect on a single prompt: set it to "
                    "1, or combine the prompt with another one"
                )


def cues_of(conds: dict[str, list[dict[str, Any]]]) -> hg.Cues | None:
    """The cues in a guider's conds, the first if there are several; None if these are of the spatial stage.

    Raises:
        ValueError: some conds have cues and others have none, or a strength has no effect.
    """
    check_weights(conds)
    cues = {name: [cond.get(KEY) for cond in part] for name, part in conds.items()}
    frame_cues = [value for values in cues.values() for value in values if value]
    missing = [name for name, values in cues.items() if None in values]
    if frame_cues and missing:
        raise ValueError(f"{missing[0]} has no cues: connect positive and negative both through HiGen Apply Cues")
    return frame_cues[0].cues if frame_cues else None


def text_and_cues(model: HigenModel, conditioning: dict[str, Any]) -> dict[str, Any]:
    """One conditioning as ComfyUI's conds: text states, and cues if it has some.

    Raises:
        ValueError: something that the denoiser cannot read; the message names it.
    """
    prompt = conditioning["prompt_type"]
    refuse_other_models(prompt, conditioning)
    text = check_text(prompt, conditioning.get("cross_attn"), model.diffusion_model.config.y_dim)
    for key in ("strength", "mask_strength", "mask"):
        value = torch.as_tensor(conditioning.get(key, 1.0))
        if not torch.isfinite(value).all():
            raise ValueError(f"{prompt} has a {key} with NaN or infinite values: check the node that sets it")
    conds = {"c_crossattn": CondText(text)}
    if cues := conditioning.get(KEY):
        shape = conditioning["noise"].shape
        check_frames(cues, shape)
        cues = cues.sized(*shape[-2:])
        conds["cues"] = CondCues(replace(cues, prior=model.process_latent_in(cues.prior)))
    return conds


def check_text(prompt: str, text: torch.Tensor | None, width: int) -> torch.Tensor:
    """The text states, if they are (1, l, width), finite and of possible size; otherwise raises ValueError."""
    if text is None or text.ndim != 3 or text.shape[0] != 1 or text.shape[1] == 0 or text.shape[2] != width:
        raise ValueError(
            f"{prompt} has text states of shape {None if text is None else tuple(text.shape)}, expected (1, tokens, "
            f"{width}): encode the prompt with HiGen Loader's CLIP output{RELEASED_HINT if width == 1024 else ''}"
        )
    if not torch.isfinite(text).all():
        raise ValueError(f"{prompt} has NaN or infinite text states; the text encoder overflowed in half precision")
    if (largest := float(text.abs().max())) > TEXT_MAX:
        raise ValueError(
            f"{prompt} has text states of up to {largest:g}, a text encoder gives less than {TEXT_MAX:g}: lower the "
            "weights in the prompt, or check the nodes between CLIP Text Encode and this one"
        )
    return text


def check_frames(cues: FrameCues, shape: Sequence[int]) -> None:
    """Raises ValueError unless a latent of this shape has the frames of the cues and the size of the prior."""
    frames, height, width = frames_and_size(shape)
    if frames != cues.cues.frames:
        raise ValueError(
            f"the latent has {frames} frames, but the cues are for {cues.cues.frames}: connect the latent of HiGen "
            "Apply Cues, or change frames in HiGen Cue Schedule"
        )
    if (height, width) != cues.prior.shape[-2:]:
        latent, prior = (f"{8 * w}x{8 * h}" for h, w in ((height, width), cues.prior.shape[-2:]))
        raise ValueError(f"the latent is for {latent} pixels, but the prior for {prior}: give both one size")
