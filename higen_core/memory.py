"""How a call of the denoiser is fitted into the memory that is free: one batch or two, all frames or some at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .config import UNetConfig

WHOLE, CHUNKED = 11, 23
"""Peak activations in copies of the largest feature map, frames x latent size x `dim`: what is there whatever the chunk
is (skip connections, norms over the clip), and what shrinks with it (attention, feed-forward).

Computed by running the graphs of the released network and of mini on fake tensors; a test repeats it for mini.
"""


@dataclass(frozen=True)
class Plan:
    """How to run the denoiser on a clip: pass the first two on to `sample_video`."""

    batch_guidance: bool  # both halves of a guided step in one call
    chunk: int  # frames that a layer works on at a time
    bytes: int  # activations at the peak
    frames: int

    def __str__(self) -> str:
        calls, size = "one call" if self.batch_guidance else "two calls", f"{self.bytes / 2**30:.2f} GB"
        return f"{calls} a step, {self.chunk} of {self.frames} frames at a time, {size} of activations"


def plan(config: UNetConfig, frames: int, height: int, width: int, dtype: torch.dtype, free: int) -> Plan:
    """The fastest way to run a latent of height x width in `free` bytes; the most frugal one when nothing fits."""
    whole = Plan(True, frames, activations(config, frames, height, width, dtype, batch=2), frames)
    if whole.bytes <= free:
        return whole
    chunk = frames
    while chunk > 1 and activations(config, frames, height, width, dtype, chunk) > free:
        chunk = (chunk + 1) // 2
    return Plan(False, chunk, activations(config, frames, height, width, dtype, chunk), frames)


def activations(
    config: UNetConfig,
    frames: int,
    height: int,
    width: int,
    dtype: torch.dtype,
    chunk: int | None = None,
    batch: int = 1,
) -> int:
    """Bytes of activations that a call of the denoiser needs at its peak."""
    feature_map = batch * frames * height * width * config.dim * torch.finfo(dtype).bits // 8
    return round(feature_map * (WHOLE + CHUNKED * (chunk or frames) / frames))
