"""PSNR of mini's videos in half precision against those in full precision, from the same noise, through both stages."""

import json
import sys

import torch

import higen_core as hg
from higen_core.media.image import psnr
from higen_core.weights.conversion import DTYPES

PROMPTS = (
    "a panda moving to the right on a yellow background",
    "a cat moving to the left on a blue background",
    "a red car moving up on a green background",
    "a tree on a white background",
)
OPTIONS = {"steps": 20, "guidance": 4.0}


def sample(dtype: torch.dtype, prompt: str) -> torch.Tensor:
    """Frames (16, 64, 64, 3) in [0, 1] with a denoiser in this precision; towers and autoencoder are in fp32."""
    unet, vae, clip = hg.load_unet("mini", dtype=dtype), hg.load_vae("mini"), hg.load_clip("mini")
    text, uncond = clip.encode_text([prompt]), clip.encode_text([""])
    prior = hg.sample_prior(unet, text, uncond, noise=hg.draw_noise(1, (1, 4, 1, 8, 8)), **OPTIONS)
    noise, offset_noise = hg.draw_video_noise(1, (1, 4, 16, 8, 8))
    cues = hg.Cues.constant(16, 500, 0.0)
    video = hg.sample_video(
        unet, text, uncond, prior=prior, cues=cues, noise=noise, offset_noise=offset_noise, **OPTIONS
    )
    return vae.decode_video(video)[0]


def main(precision: str) -> None:
    """Prints the PSNR for each prompt."""
    clips, exact = (torch.stack([sample(d, p) for p in PROMPTS]) for d in (DTYPES[precision], torch.float32))
    print(json.dumps(psnr(clips, exact).tolist()))


if __name__ == "__main__":
    main(sys.argv[1])
