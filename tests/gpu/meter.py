"""Times and peak memory on a device, and rows for what fails on it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..benchmarks import process
from ..benchmarks.step import FRAMES, HEIGHT, WIDTH
from ..comfyui.released_files import FULL, NARROW, Sizes

Row = dict[str, Any]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Setting:
    """What is measured on what.

    Attributes:
        device: of torch.
        sizes: of the released layout.
        frames, height, width: of the video in latents.
        tiny: sizes for a test of this command itself.
    """

    device: torch.device
    sizes: Sizes = FULL
    frames: int = FRAMES
    height: int = HEIGHT
    width: int = WIDTH
    tiny: bool = False

    @classmethod
    def of(cls, device: str, tiny: bool) -> Setting:
        setting = cls(torch.device(device))
        if not tiny:
            return setting
        unet = replace(NARROW.unet, dim_mult=(1, 2), attn_scales=(1.0,), num_res_blocks=1)
        sizes = replace(NARROW, unet=unet)
        return replace(setting, sizes=sizes, frames=4, height=8, width=8, tiny=True)

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those to measure, the one of most use first; on a CPU a single one, which has the same results as there."""
        return ("bf16", "fp16", "fp32") if self.device.type == "cuda" else ("fp32",)

    @property
    def name(self) -> str:
        """The name of the card."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def allocated(self) -> int:
        """Bytes in tensors on the GPU; of another device, resident memory of this process."""
        if self.device.type == "cuda":
            return torch.cuda.memory_allocated(self.device)
        return process.peak()

    def reset_peak(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            process.reset_peak()

    def peak(self) -> int:
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else process.peak()

    def measure(self, steps: Callable[[], Iterable[object]]) -> Row:
        """Seconds of one of the steps, the first left out where there are more, and the bytes at the peak above those
        before."""
        self.reset_peak()
        before, times = self.allocated(), []
        self.synchronize()
        start = time.perf_counter()
        for _ in steps():
            self.synchronize()
            times.append(time.perf_counter() - start)
            start = time.perf_counter()
        seconds = {"first": times[0], "seconds": statistics.median(times[1:] or times)}
        return seconds | {"bytes": self.peak() - before}


def attempt(measure: Callable[[], Row], may_refuse: bool = False) -> Row:
    """A row, or one with the error of torch.

    Such an error is a finding (`ok` is False), unless memory does not suffice or `may_refuse`: it is something that not
    every device supports.
    """
    try:
        return measure()
    except RuntimeError as error:  # OutOfMemoryError and NotImplementedError are of this kind
        row = {"error": f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:160]}"}
        return row if may_refuse or isinstance(error, torch.OutOfMemoryError) else row | {"ok": False}


def relative_error(got: torch.Tensor, exact: torch.Tensor) -> float:
    """Root mean square of the difference, divided by that of the exact values."""
    return float((got.cpu().float() - exact.cpu()).square().mean().sqrt() / exact.cpu().square().mean().sqrt())
