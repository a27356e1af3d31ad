"""A step of a sampler copies nothing to the device and reads nothing from it.

The meta device, whose tensors have sizes but no values, stands in for a GPU: torch refuses to read from it.
"""

import pytest
import torch

import higen_core as hg
from higen_core.diffusion.pipeline import prior_steps, video_steps
from higen_core.models.config import MINI

from ..transfers import Transfers

FRAMES, STEPS = 9, 4
STILL_OUTSIDE = hg.Cues.constant(FRAMES).masked(torch.ones(1, 8, 8).tril())


def transfers_after_the_first_step(steps):
    next(steps)
    with Transfers() as transfers:
        assert len(list(steps)) == STEPS - 1
    return transfers.operations


def inputs():
    with torch.device("meta"):
        unet = hg.UNet(MINI).requires_grad_(False)
    return unet, torch.zeros(1, 7, MINI.y_dim), torch.zeros(1, 7, MINI.y_dim)


@pytest.mark.parametrize("sampler", hg.SAMPLERS)
def test_a_step_of_the_spatial_stage_waits_for_no_copy(sampler):
    noise = hg.draw_noise(1, (1, 4, 1, 8, 8))
    steps = prior_steps(*inputs(), noise=noise, steps=STEPS, guidance=2.0, sampler=sampler)
    assert transfers_after_the_first_step(steps) == []


@pytest.mark.medium
@pytest.mark.parametrize(
    "options",
    [
        {"batch_guidance": False, "chunk": 4},
        {"cues": STILL_OUTSIDE},
        {"prior": torch.zeros(1, FRAMES, 4, 8, 8), "keep": [0, 8]},
        {"context_length": 5, "context_overlap": 2, "prior": torch.zeros(1, FRAMES, 4, 8, 8), "keep": [0]},
    ],
    ids=["chunks", "still outside of a mask", "kept frames", "windows"],
)
def test_a_step_of_the_temporal_stage_waits_for_no_copy(options):
    noise, offset_noise = hg.draw_video_noise(1, (1, 4, FRAMES, 8, 8))
    conditions = {"prior": torch.zeros(1, 4, 8, 8), "cues": hg.Cues.constant(FRAMES), "noise": noise}
    settings = {"offset_noise": offset_noise, "steps": STEPS, "guidance": 2.0, "sampler": "ddim"}
    steps = video_steps(*inputs(), **conditions | settings | options)
    assert transfers_after_the_first_step(steps) == []


def test_copies_are_noticed():
    with Transfers() as transfers:
        torch.zeros(3).to("meta")
        torch.zeros(3, device="meta")[torch.zeros(1, dtype=torch.long)]
    assert len(transfers.operations) == 2
