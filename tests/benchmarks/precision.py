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
STEPS, GUIDANCE, SEED = 20, 4.0, 1
CUES = hg.Cues.constant(16, 500, 0.0)


def sample(dtype: torch.dtype, prompt: str, device: str | torch.device = "cpu", steps: int = STEPS) -> torch.Tensor:
    """Frames (16, 64, 64, 3) in [0, 1] with a denoiser in this precision; towers and autoencoder are in fp32."""
    unet = hg.load_unet("mini", dtype=dtype, device=device)
    vae, clip = hg.load_vae("mini", device=device), hg.load_clip("mini", device=device)
    text, uncond = clip.encode_text([prompt]), clip.encode_text([""])
    options = {"steps": steps, "guidance": GUIDANCE}
    prior = hg.sample_prior(unet, text, uncond, noise=hg.draw_noise(SEED, (1, 4, 1, 8, 8)), **options)
    noise, offset_noise = hg.draw_video_noise(SEED, (1, 4, 16, 8, 8))
    inputs = {"prior": prior, "cues": CUES, "noise": noise, "offset_noise": offset_noise}
    return vae.decode_video(hg.sample_video(unet, text, uncond, **inputs, **options))[0].cpu()


def main(precision: str) -> None:
    """Prints the PSNR for each prompt."""
    clips, exact = (torch.stack([sample(d, p) for p in PROMPTS]) for d in (DTYPES[precision], torch.float32))
    print(json.dumps(psnr(clips, exact).tolist()))


if __name__ == "__main__":
    main(sys.argv[1])
