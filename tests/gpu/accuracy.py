"""The device against the CPU: errors of each network in each precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

import higen_core as hg

from ..benchmarks.step import random_network
from .meter import DTYPES, Row, Setting, attempt, relative_error

FP32_BAR = 1e-4
"""The largest relative error in fp32 that is no finding."""
SHARES = {"tf32": 0.5, "fp16": 0.5, "bf16": 2.0}
"""The same in other precisions, as a multiple of the error of the CPU in bf16. Three more bits would be an eighth."""


def rows(setting: Setting) -> Iterator[Row]:
    """Relative errors of one call, and whether they are below the bar."""
    for name, network, call in networks(setting):
        with torch.no_grad():
            exact = call(network)
            rounded = relative_error(call(deepcopy(network).to(torch.bfloat16)), exact)
        bars = {"fp32": FP32_BAR} | {precision: share * rounded for precision, share in SHARES.items()}
        for precision, bar in bars.items():
            if DTYPES.get(precision) is not torch.float16 or "fp16" in setting.precisions:
                row = attempt(partial(compared, setting, network, call, exact, precision, bar))
                yield {"network": name, "precision": precision} | row
        del network


def compared(
    setting: Setting,
    network: nn.Module,
    call: Callable[[nn.Module], Tensor],
    exact: Tensor,
    precision: str,
    bar: float,
) -> Row:
    with torch.no_grad(), tf32(precision == "tf32"):
        got = call(deepcopy(network).to(setting.device, DTYPES.get(precision, torch.float32)))
    error = relative_error(got, exact)
    return {"error_rms": error, "error_max": float((got.cpu() - exact).abs().max()), "bar": bar, "ok": error <= bar}


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether matrix products and convolutions in fp32 may round to TF32. It changes nothing on a CPU."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def networks(setting: Setting) -> Iterator[tuple[str, nn.Module, Callable[[nn.Module], Tensor]]]:
    """Networks in fp32 on the CPU with a call of each: mini's, and the released layout with random weights."""
    yield "mini, denoiser, 1 frame", hg.load_unet("mini"), lambda unet: velocity(unet, 1, 8, 8)
    yield "mini, denoiser, 16 frames", hg.load_unet("mini"), lambda unet: velocity(unet, 16, 8, 8)
    yield "mini, decoder", hg.load_vae("mini"), lambda vae: vae.decode(noise(2, 4, 8, 8))
    yield "mini, text tower", hg.load_clip("mini"), lambda clip: clip.encode_text(["a panda on a white background"])
    yield "mini, image tower", hg.load_clip("mini"), lambda clip: clip.encode_image(noise(2, 64, 64, 3).sigmoid())
    unet = random_network(lambda: hg.UNet(setting.sizes.unet), torch.float32)
    yield "released layout, denoiser, 4 frames", unet, lambda unet: velocity(unet, 4, 8, 8)
    vae = random_network(lambda: hg.VAE(setting.sizes.vae), torch.float32)
    yield "released layout, decoder", vae, lambda vae: vae.decode(noise(1, 4, 8, 8))


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def velocity(unet: hg.UNet, frames: int, height: int, width: int) -> Tensor:
    """One call on noise, with cues that change over the clip."""
    conditions = {"text": noise(1, 77, unet.config.y_dim), "prior": noise(1, 4, height, width)}
    if frames > 1:
        conditions |= {"motion": torch.linspace(0, 600, frames - 1).round().long()[None]}
    return unet(noise(1, 4, frames, height, width), torch.tensor([500]), **conditions)
