"""Videos of mini in half precision, compared with those in full precision from the same noise."""

import pytest
import torch

from ...benchmarks.precision import PROMPTS, psnr, sample

MIN_PSNR = {PROMPTS[0]: 20, PROMPTS[1]: 40}
"""In dB. The first prompt's prior is malformed; the temporal stage repairs it and so amplifies rounding errors."""


@pytest.mark.slow
@pytest.mark.parametrize("prompt", MIN_PSNR)
def test_half_precision_gives_the_same_video(prompt, capsys):
    exact = sample(torch.float32, prompt)
    psnrs = {dtype: psnr(sample(dtype, prompt), exact) for dtype in (torch.bfloat16, torch.float16)}
    with capsys.disabled():
        print("\nPSNR of both stages against fp32, in dB:", {str(dtype): round(db, 1) for dtype, db in psnrs.items()})
    assert min(psnrs.values()) > MIN_PSNR[prompt]
    assert psnrs[torch.float16] > psnrs[torch.bfloat16]
