"""How far half precision takes mini's videos from full precision: both stages, the same noise."""

import pytest
import torch

from ..benchmarks.precision import PROMPTS, made, psnr

PROMPT = PROMPTS[1]  # the prior of the first one is malformed: a video that mends it magnifies what is rounded


@pytest.mark.slow
def test_half_precision_shows_the_same_video(capsys):
    exact = made(torch.float32, PROMPT)
    psnrs = {dtype: psnr(made(dtype, PROMPT), exact) for dtype in (torch.bfloat16, torch.float16)}
    with capsys.disabled():
        print("\nPSNR of both stages against fp32, in dB:", {str(dtype): round(db, 1) for dtype, db in psnrs.items()})
    assert min(psnrs.values()) > 40
    assert psnrs[torch.float16] > psnrs[torch.bfloat16]
