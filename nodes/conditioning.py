"""CONDITIONING, as CLIP Text Encode makes it, to the text states that the denoiser reads."""

from __future__ import annotations

import math
from typing import Any

import torch

UNUSED_KEYS = ("area", "mask", "control", "gligen", "hooks", "start_percent", "end_percent")  # what would be ignored


def text_states(positive: list, negative: list, width: int, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Both as (b, l, width) of one length l: a prompt of 77 tokens is repeated to go with one of 154.

    Repeating is exact: attention over the same states several times gives the same average.
    """
    text, uncond = (_states(name, c, width) for name, c in (("positive", positive), ("negative", negative)))
    length = math.lcm(text.shape[1], uncond.shape[1])
    return tuple(t.repeat(1, length // t.shape[1], 1).to(device, torch.float32) for t in (text, uncond))


def _states(name: str, conditioning: list, width: int) -> torch.Tensor:
    if len(conditioning) != 1:
        raise ValueError(
            f"{name} must be one prompt, got {len(conditioning)} conditionings; "
            "join prompts with Conditioning Concat or Average instead of Combine"
        )
    states, options = conditioning[0]
    if unused := [key for key in UNUSED_KEYS if options.get(key) is not None]:
        raise ValueError(f"{name}: HiGen has no use for {', '.join(unused)}; connect a plain CLIP Text Encode")
    if states.ndim != 3 or states.shape[0] != 1 or states.shape[-1] != width:
        raise ValueError(
            f"{name} has text states of shape {tuple(states.shape)}, expected (1, tokens, {width}): "
            f"encode the prompt with HiGen Loader's CLIP output{RELEASED_HINT if width == 1024 else ''}"
        )
    return states


RELEASED_HINT = " or the text encoder of Stable Diffusion 2.x (OpenCLIP ViT-H-14)"
