"""A guided step of the temporal stage: this denoiser in the released layout, or ModelScopeT2V of diffusers in its own.

Both have random weights and the same latent, two branches in one call. `python -m tests.benchmarks.pareto.released
NETWORK PRECISION` prints the parameters, the seconds of a call, and the peak memory of the process, as JSON.
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
from ..process import peak, reset_peak
from ..step import random_network

LATENT = (2, 4, 8, 16, 16)
"""Branches, channels, frames, height and width."""
TEXT = (2, 77, 1024)
CALLS = 3


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
        unet = random_network(make, DTYPES[precision])
    except ImportError as error:
        print(json.dumps({"error": f"not measured: {error}; pip install --no-deps diffusers"}))
        return
    reset_peak()
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        result = call(unet)
        times.append(time.perf_counter() - start)
    if not result.isfinite().all():
        raise ArithmeticError(f"{name} {precision}: the result has NaN or infinite values")
    parameters = sum(parameter.numel() for parameter in unet.parameters())
    print(json.dumps({"parameters": parameters, "seconds": min(times), "peak": peak()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
