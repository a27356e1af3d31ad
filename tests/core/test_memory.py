"""The plan of memory: its estimates hold, and it takes the fastest way that fits."""

import pytest
import torch

import higen_core as hg
from higen_core.config import MINI, RELEASED

from .peak import computed_peak

LATENT = (32, 32, 56)  # 32 frames at 448x256


@pytest.mark.parametrize("chunk", [None, 8, 1])
def test_the_estimate_covers_what_the_graph_needs_and_little_more(chunk):
    def run(network):
        text = torch.empty(1, 77, MINI.y_dim)
        network(torch.empty(1, 4, 16, 8, 8), torch.zeros(1), text=text, chunk=chunk)

    needed = computed_peak(lambda: hg.UNet(MINI), run)
    estimate = hg.activations(MINI, 16, 8, 8, torch.float32, chunk)
    assert needed <= estimate <= 1.4 * needed


def planned(free):
    return hg.plan(RELEASED, *LATENT, torch.bfloat16, free)


def test_less_memory_leads_to_two_calls_and_then_to_fewer_frames_at_a_time():
    one, both = (hg.activations(RELEASED, *LATENT, torch.bfloat16, batch=batch) for batch in (1, 2))
    plans = [planned(free) for free in (both, both - 1, one - 1, one // 2, 0)]
    assert [plan.batch_guidance for plan in plans] == [True, False, False, False, False]
    assert [plan.chunk for plan in plans[:3]] == [32, 32, 16]
    assert plans[3].chunk < 16
    assert plans[4].chunk == 1
    assert all(plan.bytes <= free for plan, free in zip(plans[:4], (both, both - 1, one - 1, one // 2), strict=True))


def test_a_plan_reads_as_a_sentence():
    line = str(hg.plan(RELEASED, *LATENT, torch.bfloat16, 2**29))
    assert line.startswith("two calls a step, ")
    assert line.endswith(" of activations")
    assert " of 32 frames at a time, " in line
