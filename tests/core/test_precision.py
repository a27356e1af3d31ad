"""How far half precision takes mini's videos from full precision: both stages, the same noise."""

import pytest
import torch

from ..benchmarks.precision import PROMPTS, made, psnr

BARS = {PROMPTS[0]: 20, PROMPTS[1]: 40}
"""In dB. The prior of the first one is malformed: a video that mends it magnifies what is rounded."""


@pytest.mark.slow
@pytest.mark.parametrize("prompt", BARS)
def test_half_precision_shows_the_same_video(prompt, capsys):
    exact = made(torch.float32, prompt)
    psnrs = {dtype: psnr(made(dtype, prompt), exact) for dtype in (torch.bfloat16, torch.float16)}
    with capsys.disabled():
        print("\nPSNR of both stages against fp32, in dB:", {str(dtype): round(db, 1) for dtype, db in psnrs.items()})
    assert min(psnrs.values()) > BARS[prompt]
    assert psnrs[torch.float16] > psnrs[torch.bfloat16]
