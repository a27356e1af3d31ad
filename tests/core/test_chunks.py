"""Working on some frames at a time, to save memory, changes nothing."""

import pytest
import torch

from higen_core import Cues, load_unet, sample_video
from higen_core.config import MINI
from higen_core.unet import UNet

from . import golden
from .peak import computed_peak

ATOL = 1e-5


@pytest.fixture(scope="module")
def unet():
    return load_unet(golden.path("unet_small_weights"))


@torch.no_grad()
@pytest.mark.parametrize("case", ["temporal", "motion_per_frame"])
@pytest.mark.parametrize("chunk", [1, 2, 4, 5, 100])
def test_a_chunked_call_gives_what_a_whole_one_gives(unet, case, chunk):
    inputs = golden.cases("unet_small_cases", f"{case}.")
    inputs.pop("out")
    x, t = inputs.pop("x"), inputs.pop("t")
    assert golden.max_error(unet(x, t, **inputs, chunk=chunk), unet(x, t, **inputs)) <= ATOL


def test_a_chunked_video_is_the_whole_one(unet):
    generator = torch.Generator().manual_seed(0)
    text, uncond = (torch.randn(1, 7, unet.config.y_dim, generator=generator) for _ in range(2))
    prior, noise = torch.randn(1, 4, 4, 4, generator=generator), torch.randn(1, 4, 6, 4, 4, generator=generator)
    options = {"prior": prior, "cues": Cues.constant(6), "noise": noise, "steps": 2, "guidance": 2.0}
    whole, parts = (sample_video(unet, text, uncond, **options, chunk=chunk) for chunk in (None, 2))
    assert golden.max_error(parts, whole) <= ATOL * whole.abs().max().item()


def test_a_layer_sees_no_more_frames_than_a_chunk_of_each_video(unet):
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


def test_fewer_frames_at_a_time_take_less_memory():
    def peak(chunk):
        def run(network):
            text = torch.empty(1, 77, MINI.y_dim)
            network(torch.empty(1, 4, 16, 8, 8), torch.zeros(1), text=text, chunk=chunk)

        return computed_peak(lambda: UNet(MINI), run)

    whole, half, one = (peak(chunk) for chunk in (None, 8, 1))
    assert one < half < whole
    assert one < 0.6 * whole


def test_a_chunk_of_nothing_is_refused(unet):
    with pytest.raises(ValueError, match="chunk must be at least 1 frame, got 0"):
        unet(torch.zeros(1, 4, 2, 4, 4), torch.zeros(1), text=torch.zeros(1, 7, unet.config.y_dim), chunk=0)
