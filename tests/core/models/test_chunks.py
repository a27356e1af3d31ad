"""Processing a chunk of the frames at a time saves memory and does not change the result."""

import pytest
import torch

from higen_core import Cues, load_unet, sample_video
from higen_core.models.config import MINI
from higen_core.models.unet import UNet

from .. import golden
from ..peak import computed_peak

ATOL = 1e-5


@pytest.fixture(scope="module")
def unet():
    return load_unet(golden.path("unet_small_weights"))


@torch.no_grad()
@pytest.mark.parametrize("case", ["temporal", "motion_per_frame"])
@pytest.mark.parametrize("chunk", [1, 2, 4, 5, 100])
def test_the_denoiser_gives_the_same_output_in_chunks(unet, case, chunk):
    inputs = golden.cases("unet_small_cases", f"{case}.")
    inputs.pop("out")
    x, t = inputs.pop("x"), inputs.pop("t")
    assert golden.max_error(unet(x, t, **inputs, chunk=chunk), unet(x, t, **inputs)) <= ATOL


def test_a_video_is_the_same_in_chunks(unet):
    generator = torch.Generator().manual_seed(0)
    text, uncond = (torch.randn(1, 7, unet.config.y_dim, generator=generator) for _ in range(2))
    prior, noise = torch.randn(1, 4, 4, 4, generator=generator), torch.randn(1, 4, 6, 4, 4, generator=generator)
    options = {"prior": prior, "cues": Cues.constant(6), "noise": noise, "steps": 2, "guidance": 2.0}
    exact, chunked = (sample_video(unet, text, uncond, **options, chunk=chunk) for chunk in (None, 2))
    assert golden.max_error(chunked, exact) <= ATOL * exact.abs().max().item()


def test_a_layer_processes_at_most_a_chunk_of_each_video(unet):
    inputs = golden.cases("unet_small_cases", "temporal.")
    inputs.pop("out")
    x, t = inputs.pop("x"), inputs.pop("t")
    rows = []
    hook = unet.down[1][0].in_conv.register_forward_hook(lambda _, args, out: rows.append(len(out)))
    with torch.no_grad():
        unet(x, t, **inputs, chunk=2)
    hook.remove()
    assert sum(rows) == x.shape[0] * x.shape[2]
    assert max(rows) == 2 * x.shape[0]


@pytest.mark.medium
def test_smaller_chunks_need_less_memory():
    def peak(chunk):
        def run(network):
            text = torch.empty(1, 77, MINI.y_dim)
            network(torch.empty(1, 4, 16, 8, 8), torch.zeros(1), text=text, chunk=chunk)

        return computed_peak(lambda: UNet(MINI), run)

    all_frames, half_of_them, single = (peak(chunk) for chunk in (None, 8, 1))
    assert single < half_of_them < all_frames
    assert single < 0.6 * all_frames


def test_an_empty_chunk_is_refused(unet):
    with pytest.raises(ValueError, match="chunk must be at least 1 frame, got 0"):
        unet(torch.zeros(1, 4, 2, 4, 4), torch.zeros(1), text=torch.zeros(1, 7, unet.config.y_dim), chunk=0)
