"""How a call of the denoiser, and then decoding, are fitted into the free memory: all frames, or some at a time."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import torch

from .config import UNetConfig, VAEConfig

WHOLE, CHUNKED = 11, 23
"""Peak activations in copies of the largest feature map, frames x latent size x `dim`: what is there whatever the chunk
is (skip connections, norms over the clip), and what shrinks with it (attention, feed-forward).

Computed by running the graphs of the released network and of mini on fake tensors; a test repeats it for mini.
"""
DECODED = 6
"""Peak activations of decoding in copies of its largest feature map, frames x pixels x `ch`; computed likewise."""
MOST_DECODED = 8
"""Frames decoded at a time when memory is plenty: they keep a device busy, and the rest of the memory stays free."""


@dataclass(frozen=True)
class Plan:
    """How to run the denoiser on a clip: pass the first two on to `sample_video`."""

    batch_guidance: bool  # all parts of a guided step in one call
    chunk: int  # frames that a layer works on at a time
    bytes: int  # activations at the peak
    frames: int
    parts: int

    def __str__(self) -> str:
        calls, size = "one call" if self.batch_guidance else f"{self.parts} calls", f"{self.bytes / 2**30:.2f} GB"
        return f"{calls} a step, {self.chunk} of {self.frames} frames at a time, {size} of activations"


def plan(
    config: UNetConfig, frames: int, height: int, width: int, dtype: torch.dtype, free: int, parts: int = 2
) -> Plan:
    """The fastest way to run a latent of height x width in `free` bytes; the most frugal one when nothing fits.

    `parts` of a guided step: 2, and one more with guidance on the appearance cue.
    """
    whole = Plan(True, frames, activations(config, frames, height, width, dtype, batch=parts), frames, parts)
    if whole.bytes <= free:
        return whole
    chunk = frames
    while chunk > 1 and activations(config, frames, height, width, dtype, chunk) > free:
        chunk = (chunk + 1) // 2
    return Plan(False, chunk, activations(config, frames, height, width, dtype, chunk), frames, parts)


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


@dataclass(frozen=True)
class DecodePlan:
    """How to decode a clip: pass `chunk` on to `VAE.decode_video`."""

    chunk: int  # frames decoded at a time
    bytes: int  # activations at the peak
    frames: int

    def __str__(self) -> str:
        size = f"{self.bytes / 2**30:.2f} GB of activations"
        return f"the VAE decodes {self.chunk} of {self.frames} frames at a time, {size}"


def plan_decoding(frames: int, bytes_each: int, free: int) -> DecodePlan:
    """As many frames at a time as fit into `free` bytes, at least one and at most MOST_DECODED."""
    chunk = max(1, min(frames, MOST_DECODED, free // bytes_each))
    return DecodePlan(chunk, chunk * bytes_each, frames)


def decode_activations(config: VAEConfig, height: int, width: int, dtype: torch.dtype) -> int:
    """Bytes of activations that decoding one latent of height x width needs at its peak."""
    pixels = height * width * 4 ** (len(config.ch_mult) - 1)
    return DECODED * pixels * config.ch * torch.finfo(dtype).bits // 8


def free_memory(device: torch.device) -> int:
    """Bytes that can still be had on a device, with what torch keeps there for reuse."""
    if device.type == "cpu":
        return psutil.virtual_memory().available
    if device.type == "cuda":
        reusable = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + reusable
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    raise ValueError(f"the free memory of {device.type!r} is not known here: say how many frames to decode at a time")
