"""One call of the denoiser in the temporal stage: its time and peak memory on this CPU, and its computed peak memory.

The network has the released config, or a narrow one, and random weights in the precision that is measured. A guided
step consists of two such calls. With little memory they are made one after the other, with the same peak.
"""

import json
import sys
import time

import torch

import higen_core as hg
from higen_core.weights.conversion import DTYPES

from ..comfyui.released_files import FULL, NARROW, STD, is_norm
from ..core.peak import computed_peak
from .process import check_memory, peak, reset_peak

FRAMES, HEIGHT, WIDTH = 32, 32, 56  # a latent of 448x256
SIZES = {"full": FULL.unet, "narrow": NARROW.unet}


def random_unet(config: hg.UNetConfig, dtype: torch.dtype) -> hg.UNet:
    """A network with random weights that is never in memory in another precision."""
    with torch.device("meta"):
        unet = hg.UNet(config).to(dtype)
    unet.to_empty(device="cpu").requires_grad_(False)
    for name, parameter in unet.named_parameters():
        parameter.fill_(1) if is_norm(name, parameter.shape) else parameter.normal_(0, STD)
    return unet.eval()


def call(unet: hg.UNet, chunk: int) -> torch.Tensor:
    """The first step of the temporal stage with guidance 1, which is a single call."""
    text, prior = torch.zeros(1, 77, unet.config.y_dim), torch.zeros(1, 4, HEIGHT, WIDTH)
    noise, offset_noise = hg.draw_video_noise(0, (1, 4, FRAMES, HEIGHT, WIDTH))
    cues = hg.Cues.constant(FRAMES)
    options = {"steps": 1, "guidance": 1.0, "chunk": chunk}
    return hg.sample_video(unet, text, text, prior=prior, cues=cues, noise=noise, offset_noise=offset_noise, **options)


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
    unet = random_unet(config, dtype)
    reset_peak()
    start = time.monotonic()
    result = call(unet, chunk)
    seconds = time.monotonic() - start
    if not result.isfinite().all():
        raise ArithmeticError(f"{size} {precision}: the result has NaN or infinite values")
    print(json.dumps({"weights": weights, "peak": peak(), "computed": computed, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
