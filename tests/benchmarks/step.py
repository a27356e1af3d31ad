"""One call of the denoiser in the temporal stage: its time and peak memory on this CPU, and its computed peak memory.

The network has the released config, or a narrow one, and random weights in the precision that is measured. A guided
step consists of two such calls. With little memory they are made one after the other, with the same peak.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

import higen_core as hg
from higen_core.weights.conversion import DTYPES

from ..comfyui.released_files import FULL, NARROW, STD, is_norm
from ..core.peak import computed_peak
from .process import check_memory, peak, reset_peak

FRAMES, HEIGHT, WIDTH = 32, 32, 56  # a latent of 448x256
SIZES = {"full": FULL.unet, "narrow": NARROW.unet}


def random_network(make: Callable[[], nn.Module], dtype: torch.dtype, device: str | torch.device = "cpu") -> nn.Module:
    """A network with random weights that is never in memory in another precision or on another device."""
    with torch.device("meta"):
        network = make().to(dtype)
    network.to_empty(device=device).requires_grad_(False)
    for name, parameter in network.named_parameters():
        parameter.fill_(1) if is_norm(name, parameter.shape) else parameter.normal_(0, STD)
    return network.eval()


def stage(unet: hg.UNet, frames: int, height: int, width: int, **options) -> Iterator[hg.SamplerStep]:
    """Steps of the spatial stage for one frame, of the temporal stage for more; options are those of the pipeline."""
    text = torch.zeros(1, 77, unet.config.y_dim)
    noise, offset_noise = hg.draw_video_noise(0, (1, 4, frames, height, width))
    if frames == 1:
        return hg.prior_steps(unet, text, text, noise=noise, **options)
    inputs = {"prior": torch.zeros(1, 4, height, width), "cues": hg.Cues.constant(frames)}
    return hg.video_steps(unet, text, text, noise=noise, offset_noise=offset_noise, **inputs, **options)


def call(unet: hg.UNet, chunk: int) -> torch.Tensor:
    """The first step of the temporal stage with guidance 1, which is a single call."""
    (step,) = stage(unet, FRAMES, HEIGHT, WIDTH, steps=1, guidance=1.0, chunk=chunk)
    return step.x


def run(unet: hg.UNet, chunk: int) -> torch.Tensor:
    """The network alone, as in `call`; it also runs on fake tensors."""
    x, text = torch.zeros(1, 4, FRAMES, HEIGHT, WIDTH), torch.zeros(1, 77, unet.config.y_dim)
    return unet(x, torch.zeros(1), text=text, chunk=chunk)


def main(size: str, precision: str, chunk: int) -> None:
    """Prints the bytes of the weights, both peaks in bytes, and seconds.

    Args:
        size: a key of SIZES.
        precision: a key of DTYPES.
        chunk: frames that a layer processes at a time.
    """
    config, dtype = SIZES[size], DTYPES[precision]
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in hg.UNet(config).parameters())
    weights = parameters * torch.finfo(dtype).bits // 8
    check_memory(weights + hg.activations(config, FRAMES, HEIGHT, WIDTH, dtype, chunk), f"{precision}, {chunk} frames")
    computed = computed_peak(lambda: hg.UNet(config), lambda unet: run(unet, chunk), dtype)
    unet = random_network(lambda: hg.UNet(config), dtype)
    reset_peak()
    start = time.monotonic()
    result = call(unet, chunk)
    seconds = time.monotonic() - start
    if not result.isfinite().all():
        raise ArithmeticError(f"{size} {precision}: the result has NaN or infinite values")
    print(json.dumps({"weights": weights, "peak": peak(), "computed": computed, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
