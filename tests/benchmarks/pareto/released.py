"""Calls of this denoiser in the released layout, and of ModelScopeT2V of diffusers in its own, on one branch.

Both have random weights and the same latents, of the released size. `python -m tests.benchmarks.pareto.released NETWORK
PRECISION` prints the number of parameters, the peak memory of the process, the rate of a large matrix product, and for
each number of frames the seconds of a call by the wall clock and of the processor, and its operations, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

import higen_core as hg
from higen_core.weights.conversion import DTYPES

from ...comfyui.released_files import FULL
from ..process import check_memory, peak, reset_peak
from ..step import HEIGHT, WIDTH, random_network

FRAMES = (1, 8)
"""Of the spatial and of the temporal stage."""
TEXT = (1, 77, 1024)
CALLS = 3
PRODUCT = 4096
"""Rows and columns of the matrices whose product gives the machine's rate."""


def networks() -> dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module, int], Tensor]]]:
    """How to make each network, and a call of it on a number of frames.

    Raises:
        ImportError: diffusers is missing.
    """
    t, text = torch.zeros(1), torch.zeros(TEXT)

    def latent(frames: int) -> Tensor:
        return torch.zeros(1, 4, frames, HEIGHT, WIDTH)

    def modelscope() -> nn.Module:
        from diffusers import UNet3DConditionModel

        return UNet3DConditionModel()  # its defaults are the layout of ModelScopeT2V

    def call_modelscope(unet: nn.Module, frames: int) -> Tensor:
        return unet(latent(frames).to(unet.dtype), t, encoder_hidden_states=text.to(unet.dtype)).sample

    return {
        "higen": (lambda: hg.UNet(FULL.unet), lambda unet, frames: unet(latent(frames), t, text=text)),
        "modelscope": (modelscope, call_modelscope),
    }


def fastest(function: Callable[[], Tensor]) -> dict[str, float]:
    """Seconds of the fastest of CALLS by the wall clock, and those of the processor.

    Raises:
        ArithmeticError: a result has NaN or infinite values.
    """
    wall, cpu = [], []
    for _ in range(CALLS):
        start = time.perf_counter(), time.process_time()
        result = function()
        wall.append(time.perf_counter() - start[0]), cpu.append(time.process_time() - start[1])
        if not result.isfinite().all():
            raise ArithmeticError("the result has NaN or infinite values")
    return {"seconds": min(wall), "cpu": min(cpu)}


def product_rate(dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product, two for each multiplication with its addition."""
    a, b = torch.ones(2, PRODUCT, PRODUCT, dtype=dtype)
    return 2 * PRODUCT**3 / fastest(lambda: a @ b)["seconds"]


def operations(function: Callable[[], object]) -> int:
    """Of the matrix products, convolutions and attention in a call; torch has no number for attention on a CPU."""

    def attention(q: torch.Size, k: torch.Size, v: torch.Size, *_: Any, **__: Any) -> int:
        return sdpa_flop_count(q, k, v)

    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    with FlopCounterMode(display=False, custom_mapping={kernel: attention}) as counter:
        function()
    return counter.get_total_flops()


@torch.no_grad()
def main(name: str, precision: str) -> None:
    make, call = networks()[name]
    try:
        with torch.device("meta"):
            parameters = sum(parameter.numel() for parameter in make().parameters())
    except ImportError as error:
        print(json.dumps({"error": f"not measured: {error}; pip install --no-deps diffusers"}))
        return
    check_memory(parameters * DTYPES[precision].itemsize, f"{name} {precision}")
    unet = random_network(make, DTYPES[precision])
    reset_peak()
    rate = product_rate(DTYPES[precision])
    calls: dict[int, dict[str, Any]] = {}
    for frames in FRAMES:
        one = partial(call, unet, frames)
        calls[frames] = {"operations": operations(one)} | fastest(one)
    print(json.dumps({"parameters": parameters, "peak": peak(), "product_rate": rate, "calls": calls}))


if __name__ == "__main__":
    main(*sys.argv[1:])
