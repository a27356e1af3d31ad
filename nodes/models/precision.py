"""In which precision weights are stored and computed with."""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path

import comfy.model_management
import torch
from comfy.cli_args import args

from ...higen_core.weights.files import open_weights

DTYPES = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PREFERRED_DTYPES = [torch.bfloat16, torch.float16, torch.float32]
"""ComfyUI chooses the first of them that is fast on the device."""
BF16_CPU_PARAMETERS = 100_000_000
"""Size from which a network runs in bf16 on a CPU that supports it. Smaller ones are no faster than in fp32."""


def weight_dtype(source: str, choice: str, device: torch.device) -> torch.dtype:
    """The dtype that weights are stored in: a key of DTYPES, where "auto" is what ComfyUI chooses for the device and
    the launch options, or on some CPUs bf16 for large networks."""
    if dtype := DTYPES[choice]:
        return dtype
    dtype = comfy.model_management.unet_dtype(device, supported_dtypes=PREFERRED_DTYPES)
    if device.type != "cpu" or dtype != torch.float32 or args.fp32_unet or source == "mini" or not cpu_has_bf16():
        return dtype
    parameters = sum(math.prod(shape) for shape in open_weights(source).shapes.values())
    return torch.bfloat16 if parameters >= BF16_CPU_PARAMETERS else dtype


def compute_dtype(weights: torch.dtype, device: torch.device) -> torch.dtype | None:
    """The dtype to compute in where it is not that of the weights, else None."""
    if device.type == "cpu" and weights == torch.bfloat16 and cpu_has_bf16():
        return None  # ComfyUI would cast it to fp32
    return comfy.model_management.unet_manual_cast(weights, device, PREFERRED_DTYPES)


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware, as Linux reports it; False on other systems."""
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", _cpuinfo(), re.MULTILINE)
    return bool(flags) and bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags[1].split()))


@cache
def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
