"""How far half precision takes mini's videos from full precision: both stages, the same noise."""

import json
import math
import sys

import torch

import higen_core as hg
from higen_core.convert import DTYPES

PROMPTS = (
    "a panda moving to the right on a yellow background",
    "a cat moving to the left on a blue background",
    "a red car moving up on a green background",
    "a tree on a white background",
)
OPTIONS = {"steps": 20, "guidance": 4.0}


@torch.no_grad()
def made(dtype: torch.dtype, prompt: str) -> torch.Tensor:
    """Frames (16, 64, 64, 3) in [0, 1] of a denoiser in this precision; text and pictures are always fp32."""
    unet, vae, clip = hg.load_unet("mini", dtype=dtype), hg.load_vae("mini"), hg.load_clip("mini")
    text, uncond = clip.encode_text([prompt]), clip.encode_text([""])
    prior = hg.sample_prior(unet, text, uncond, noise=hg.draw_noise(1, (1, 4, 1, 8, 8)), **OPTIONS)
    noise, offset_noise = hg.draw_video_noise(1, (1, 4, 16, 8, 8))
    known = {"prior": prior, "cues": hg.Cues.constant(16, 500, 0.0), "noise": noise, "offset_noise": offset_noise}
    return vae.decode_video(hg.sample_video(unet, text, uncond, **known, **OPTIONS))[0]


def psnr(frames: torch.Tensor, exact: torch.Tensor) -> float:
    """In dB, of values in [0, 1]."""
    return -10 * math.log10((frames - exact).square().mean().item())


def main(precision: str) -> None:
    """PSNR of each prompt's video against the one made in fp32."""
    print(json.dumps([psnr(made(DTYPES[precision], prompt), made(torch.float32, prompt)) for prompt in PROMPTS]))


if __name__ == "__main__":
    main(sys.argv[1])
