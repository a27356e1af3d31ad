"""How far half precision takes mini's videos from full precision: both stages, the same noise."""

import pytest
import torch

import higen_core as hg

PROMPT = "a panda moving to the right on a yellow background"


@torch.no_grad()
def made(dtype: torch.dtype) -> torch.Tensor:
    """Frames (16, 64, 64, 3) in [0, 1] of a denoiser in this precision; text and pictures are always fp32."""
    unet, vae, clip = hg.load_unet("mini", dtype=dtype), hg.load_vae("mini"), hg.load_clip("mini")
    text, uncond = clip.encode_text([PROMPT]), clip.encode_text([""])
    options = {"steps": 20, "guidance": 4.0}
    prior = hg.sample_prior(unet, text, uncond, noise=hg.draw_noise(1, (1, 4, 1, 8, 8)), **options)
    noise, offset_noise = hg.draw_video_noise(1, (1, 4, 16, 8, 8))
    known = {"prior": prior, "cues": hg.Cues.constant(16, 500, 0.0), "noise": noise, "offset_noise": offset_noise}
    return vae.decode_video(hg.sample_video(unet, text, uncond, **known, **options))[0]


@pytest.mark.slow
def test_half_precision_shows_the_same_video(capsys):
    exact = made(torch.float32)
    psnr = {
        dtype: -10 * (made(dtype) - exact).square().mean().log10().item() for dtype in (torch.bfloat16, torch.float16)
    }
    with capsys.disabled():
        print(
            "\nPSNR of both stages against fp32, in dB:", {str(dtype): round(value, 1) for dtype, value in psnr.items()}
        )
    assert min(psnr.values()) > 20
    assert psnr[torch.float16] > psnr[torch.bfloat16]
