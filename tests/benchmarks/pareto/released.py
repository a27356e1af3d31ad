"""A guided step of the temporal stage: this denoiser in the released layout, or ModelScopeT2V of diffusers in its own.

Both have random weights and the same latent, two branches in one call. `python -m tests.benchmarks.pareto.released
NETWORK PRECISION` prints the number of parameters, the seconds of a call by the wall clock and of the
processor, and the peak memory of the process, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

import higen_core as hg
from higen_core.weights.conversion import DTYPES

from ...comfyui.released_files import FULL
from ..process import check_memory, peak, reset_peak
from ..step import random_network

LATENT = (2, 4, 8, 16, 16)
"""Branches, channels, frames, height and width."""
TEXT = (2, 77, 1024)
CALLS = 2


def networks() -> dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module], Tensor]]]:
    """How to make each network, and a call of it.

    Raises:
        ImportError: diffusers is missing.
    """
    x, t, text = torch.zeros(LATENT), torch.zeros(2), torch.zeros(TEXT)

    def modelscope() -> nn.Module:
        from diffusers import UNet3DConditionModel

        return UNet3DConditionModel()  # its defaults are the layout of ModelScopeT2V

    def call_modelscope(unet: nn.Module) -> Tensor:
        return unet(x.to(unet.dtype), t, encoder_hidden_states=text.to(unet.dtype)).sample

    return {
        "higen": (lambda: hg.UNet(FULL.unet), lambda unet: unet(x, t, text=text)),
        "modelscope": (modelscope, call_modelscope),
    }


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
    wall, cpu = [], []
    for _ in range(CALLS):
        start = time.perf_counter(), time.process_time()
        result = call(unet)
        wall.append(time.perf_counter() - start[0]), cpu.append(time.process_time() - start[1])
    if not result.isfinite().all():
        raise ArithmeticError(f"{name} {precision}: the result has NaN or infinite values")
    print(json.dumps({"parameters": parameters, "seconds": min(wall), "cpu": min(cpu), "peak": peak()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
