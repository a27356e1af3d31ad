"""Converts CONDITIONING, as CLIP Text Encode makes it, to the text states that the denoiser reads."""

from __future__ import annotations

import torch

UNSUPPORTED_OPTIONS = ("area", "mask", "control", "gligen", "hooks", "start_percent", "end_percent")


def text_states(positive: list, negative: list, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Text states of both prompts, (1, l, width) each; the two lengths l may differ.

    Raises:
        ValueError: several prompts, options that HiGen does not support, or states of another shape; the message names
            the input.
    """
    return _states("positive", positive, width), _states("negative", negative, width)


def _states(name: str, conditioning: list, width: int) -> torch.Tensor:
    if len(conditioning) != 1:
        raise ValueError(
            f"{name} must be one prompt, got {len(conditioning)} conditionings; "
            "join prompts with Conditioning Concat or Average instead of Combine"
        )
    states, options = conditioning[0]
    if unsupported := [key for key in UNSUPPORTED_OPTIONS if options.get(key) is not None]:
        raise ValueError(f"{name}: HiGen does not support {', '.join(unsupported)}; connect a plain CLIP Text Encode")
    if states.ndim != 3 or states.shape[0] != 1 or states.shape[-1] != width:
        raise ValueError(
            f"{name} has text states of shape {tuple(states.shape)}, expected (1, tokens, {width}): "
            f"encode the prompt with HiGen Loader's CLIP output{RELEASED_HINT if width == 1024 else ''}"
        )
    return states


RELEASED_HINT = " or the text encoder of Stable Diffusion 2.x (OpenCLIP ViT-H-14)"
