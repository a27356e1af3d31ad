"""Plans that fit the denoiser and the VAE decoder into the free memory, by processing fewer frames at a time."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import torch

from .models.config import UNetConfig, VAEConfig

UNET_FIXED, UNET_CHUNKED = 11, 23
"""Peak activations of the denoiser, in units of its largest feature map (frames x latent size x `dim`).

The first part does not depend on the chunk (skip connections, norms over the clip); the second is proportional to it
(attention, feed-forward). Both were computed by running the released network and mini on fake tensors; a test repeats
this for mini.
"""
VAE_DECODER = 6
"""Peak activations of the VAE decoder, in units of its largest feature map (frames x pixels x `ch`), computed alike."""
MAX_DECODED = 8
"""Frames decoded at a time when memory is plentiful. They keep a device busy; more would only use more memory."""
ASSUMED_FREE = 4 * 2**30
"""Bytes assumed to be free on a device whose free memory cannot be queried."""
USABLE = 0.85
"""Fraction of the free memory that plans fill. The rest is for fragmentation, workspaces of libraries, weights of the
layer that runs where they are copied to the device, and other programs."""


@dataclass(frozen=True)
class Plan:
    """How to run the denoiser on a clip. `sample_video` takes `batch_guidance` and `chunk`.

    Attributes:
        batch_guidance: evaluate all branches of a guided step in one call.
        chunk: frames that a layer processes at a time.
        bytes: activations at the peak.
        frames: frames of the clip.
        branches: evaluations of the denoiser in a guided step.
    """

    batch_guidance: bool
    chunk: int
    bytes: int
    frames: int
    branches: int

    def __str__(self) -> str:
        calls = "one call" if self.batch_guidance else f"{self.branches} calls"
        gigabytes = f"{self.bytes / 2**30:.2f} GB"
        return f"{calls} a step, {self.chunk} of {self.frames} frames at a time, {gigabytes} of activations"


def plan(
    config: UNetConfig, frames: int, height: int, width: int, dtype: torch.dtype, free: int, branches: int = 2
) -> Plan:
    """Chooses the fastest way to run the denoiser that fits into USABLE of the free memory, or the one that needs least
    memory if none does.

    Args:
        config: sizes of the denoiser.
        frames, height, width: size of the latent.
        dtype: precision of the activations.
        free: free memory in bytes.
        branches: evaluations in a guided step: 2, or 3 with guidance on the appearance cue.
    """
    peak = activations(config, frames, height, width, dtype, batch=branches)
    if peak <= USABLE * free:
        return Plan(True, frames, peak, frames, branches)
    chunk = plan_chunk(config, frames, height, width, dtype, free)
    return Plan(False, chunk, activations(config, frames, height, width, dtype, chunk), frames, branches)


def plan_chunk(
    config: UNetConfig, frames: int, height: int, width: int, dtype: torch.dtype, free: int, batch: int = 1
) -> int:
    """Chooses how many frames a layer of the denoiser processes at a time: as many as fit into USABLE of `free`, or 1.

    The other arguments are those of `activations`.
    """
    chunk = frames
    while chunk > 1 and activations(config, frames, height, width, dtype, chunk, batch) > USABLE * free:
        chunk = (chunk + 1) // 2
    return chunk


def activations(
    config: UNetConfig,
    frames: int,
    height: int,
    width: int,
    dtype: torch.dtype,
    chunk: int | None = None,
    batch: int = 1,
) -> int:
    """Peak memory of the activations in one call of the denoiser, in bytes.

    Args:
        config: sizes of the denoiser.
        frames, height, width: size of the latent.
        dtype: precision of the activations.
        chunk: frames that a layer processes at a time; None means all.
        batch: videos in the call.
    """
    feature_map = batch * frames * height * width * config.dim * torch.finfo(dtype).bits // 8
    return round(feature_map * (UNET_FIXED + UNET_CHUNKED * (chunk or frames) / frames))


@dataclass(frozen=True)
class DecodePlan:
    """How to decode a clip. `VAE.decode_video` takes `chunk`.

    Attributes:
        chunk: frames decoded at a time.
        bytes: activations at the peak.
        frames: frames of the clip.
    """

    chunk: int
    bytes: int
    frames: int

    def __str__(self) -> str:
        gigabytes = f"{self.bytes / 2**30:.2f} GB"
        return f"the VAE decodes {self.chunk} of {self.frames} frames at a time, {gigabytes} of activations"


def plan_decoding(frames: int, bytes_per_frame: int, free: int) -> DecodePlan:
    """Chooses how many frames to decode at a time: as many as fit into USABLE of `free` bytes, from 1 to MAX_DECODED.

    `bytes_per_frame` is the peak of decoding one frame; see `decode_activations`.
    """
    chunk = max(1, min(frames, MAX_DECODED, int(USABLE * free) // bytes_per_frame))
    return DecodePlan(chunk, chunk * bytes_per_frame, frames)


def decode_activations(config: VAEConfig, height: int, width: int, dtype: torch.dtype) -> int:
    """Peak memory of the activations in decoding one latent of height x width, in bytes."""
    pixels = height * width * 4 ** (len(config.ch_mult) - 1)
    return VAE_DECODER * pixels * config.ch * torch.finfo(dtype).bits // 8


def free_memory(device: torch.device) -> int:
    """Bytes that new tensors on a device can take.

    The CPU, MPS and every backend with `mem_get_info` (CUDA, ROCm, XPU, plug-ins such as NPU) are queried; for the
    latter, memory that torch has reserved but does not use counts as free, if the backend counts it. Any other device
    type, such as "meta" or "xla", gives ASSUMED_FREE.
    """
    if device.type == "cpu":
        return psutil.virtual_memory().available
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    backend = getattr(torch, device.type, None)
    if backend is None or not hasattr(backend, "mem_get_info"):
        return ASSUMED_FREE
    free = backend.mem_get_info(device)[0]
    if hasattr(backend, "memory_reserved") and hasattr(backend, "memory_allocated"):
        free += backend.memory_reserved(device) - backend.memory_allocated(device)
    return free
