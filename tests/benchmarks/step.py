"""One call of the denoiser in the temporal stage: its peak memory on this CPU, its time, and its computed peak.

The network has the released layout and random weights, which are made in the precision that is measured. A guided step
makes two such calls, one after the other where memory is short, with the same peak.
"""

import json
import sys
import time

import torch

import higen_core as hg
from higen_core.convert import DTYPES

from ..comfyui.released_files import FULL, NARROW, STD, is_norm
from ..core.peak import computed_peak
from .process import check_room, forget_peak, peak

FRAMES, HEIGHT, WIDTH = 32, 32, 56  # a latent of 448x256
SIZES = {"full": FULL.unet, "narrow": NARROW.unet}


def random_unet(config: hg.UNetConfig, dtype: torch.dtype) -> hg.UNet:
    with torch.device("meta"):
        unet = hg.UNet(config).to(dtype)
    unet.to_empty(device="cpu").requires_grad_(False)
    for name, parameter in unet.named_parameters():
        parameter.fill_(1) if is_norm(name, parameter.shape) else parameter.normal_(0, STD)
    return unet.eval()


def call(unet: hg.UNet, chunk: int | None) -> torch.Tensor:
    """The first step of the temporal stage with guidance 1, which is a single call."""
    text, prior = torch.zeros(1, 77, unet.config.y_dim), torch.zeros(1, 4, HEIGHT, WIDTH)
    noise, offset_noise = hg.draw_video_noise(0, (1, 4, FRAMES, HEIGHT, WIDTH))
    known = {"prior": prior, "cues": hg.Cues.constant(FRAMES), "noise": noise, "offset_noise": offset_noise}
    return hg.sample_video(unet, text, text, **known, steps=1, guidance=1.0, chunk=chunk)


def run(unet: hg.UNet, chunk: int | None) -> torch.Tensor:
    """The network's part of `call`, which runs on fake tensors too."""
    x, text = torch.zeros(1, 4, FRAMES, HEIGHT, WIDTH), torch.zeros(1, 77, unet.config.y_dim)
    return unet(x, torch.zeros(1), text=text, chunk=chunk)


def main(size: str, precision: str, chunk: int) -> None:
    """`chunk`: frames at a time; FRAMES is all of them."""
    config, dtype, part = SIZES[size], DTYPES[precision], chunk if chunk < FRAMES else None
    with torch.device("meta"):
        numbers = sum(parameter.numel() for parameter in hg.UNet(config).parameters())
    weights = numbers * torch.finfo(dtype).bits // 8
    check_room(weights + hg.activations(config, FRAMES, HEIGHT, WIDTH, dtype, part), f"{precision}, {chunk} frames")
    computed = computed_peak(lambda: hg.UNet(config), lambda unet: run(unet, part), dtype)
    unet = random_unet(config, dtype)
    forget_peak()
    start = time.monotonic()
    result = call(unet, part)
    seconds = time.monotonic() - start
    if not result.isfinite().all():
        raise ArithmeticError(f"{size} {precision}: the result has NaN or infinite values")
    print(json.dumps({"weights": weights, "peak": peak(), "computed": computed, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
