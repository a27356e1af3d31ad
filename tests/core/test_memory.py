"""Planning memory: the estimates hold, and the plan is the fastest one that fits."""

import math
from types import SimpleNamespace

import pytest
import torch

import higen_core as hg
from higen_core import memory
from higen_core.models.config import MINI, MINI_VAE, RELEASED, RELEASED_VAE

from .peak import computed_peak

LATENT = (32, 32, 56)  # 32 frames at 448x256


def free_for(budget: int) -> int:
    """The least free memory of which a plan uses `budget` bytes."""
    return math.ceil(budget / memory.USABLE)


@pytest.mark.parametrize("chunk", [None, 8, pytest.param(1, marks=pytest.mark.medium)])
def test_the_estimate_is_above_the_peak_of_the_denoiser_by_at_most_40_percent(chunk):
    def run(network):
        text = torch.empty(1, 77, MINI.y_dim)
        network(torch.empty(1, 4, 16, 8, 8), torch.zeros(1), text=text, chunk=chunk)

    peak = computed_peak(lambda: hg.UNet(MINI), run)
    estimate = hg.activations(MINI, 16, 8, 8, torch.float32, chunk)
    assert peak <= estimate <= 1.4 * peak


def test_less_memory_leads_to_two_calls_and_then_to_smaller_chunks():
    unbatched, batched = (hg.activations(RELEASED, *LATENT, torch.bfloat16, batch=batch) for batch in (1, 2))
    budgets = (batched, batched - 1, unbatched - 1, unbatched // 2, 0)
    plans = [hg.plan(RELEASED, *LATENT, torch.bfloat16, free_for(budget)) for budget in budgets]
    assert [plan.batch_guidance for plan in plans] == [True, False, False, False, False]
    assert [plan.chunk for plan in plans[:3]] == [32, 32, 16]
    assert plans[3].chunk < 16
    assert plans[4].chunk == 1
    assert all(plan.bytes <= budget for plan, budget in zip(plans[:4], budgets, strict=False))


def test_a_plan_is_printed_as_a_sentence():
    line = str(hg.plan(RELEASED, *LATENT, torch.bfloat16, 2**29))
    assert line.startswith("2 calls a step, ")
    assert line.endswith(" of activations")
    assert " of 32 frames at a time, " in line
    assert str(hg.plan(RELEASED, *LATENT, torch.bfloat16, 2**29, branches=3)).startswith("3 calls a step, ")


def test_guidance_on_two_conditions_needs_memory_for_three_branches():
    free = free_for(hg.activations(RELEASED, *LATENT, torch.bfloat16, batch=3))
    assert hg.plan(RELEASED, *LATENT, torch.bfloat16, free, branches=3).batch_guidance
    assert not hg.plan(RELEASED, *LATENT, torch.bfloat16, free - 2, branches=3).batch_guidance


def test_a_plan_leaves_15_percent_of_the_free_memory():
    needed = hg.activations(RELEASED, *LATENT, torch.bfloat16, batch=2)
    assert not hg.plan(RELEASED, *LATENT, torch.bfloat16, needed).batch_guidance
    assert hg.plan(RELEASED, *LATENT, torch.bfloat16, math.ceil(needed / 0.85)).batch_guidance
    assert hg.plan_chunk(RELEASED, *LATENT, torch.bfloat16, needed, batch=2) < 32
    assert hg.plan_decoding(32, 100, 100).bytes == 100  # one frame is the least
    assert [hg.plan_decoding(32, 100, free).chunk for free in (200, 236)] == [1, 2]


@pytest.mark.parametrize("config", [MINI_VAE, RELEASED_VAE], ids=["mini", "released"])
def test_the_estimate_of_decoding_is_the_peak_of_the_decoder(config):
    peak = computed_peak(lambda: hg.VAE(config), lambda vae: vae.decode(torch.empty(3, 4, 8, 14)))
    assert 3 * hg.decode_activations(config, 8, 14, torch.float32) == pytest.approx(peak, rel=0.01)


@pytest.mark.parametrize(("free", "chunk"), [(0, 1), (99, 1), (250, 2), (940, 7), (10**9, 8)])
def test_less_memory_leads_to_smaller_chunks_in_decoding(free, chunk):
    plan = hg.plan_decoding(32, 100, free)
    assert (plan.chunk, plan.bytes) == (chunk, 100 * chunk)
    assert str(plan).startswith(f"the VAE decodes {chunk} of 32 frames at a time, ")
    assert hg.plan_decoding(3, 100, free).chunk == min(chunk, 3)


def test_free_memory_of_the_cpu_is_queried(monkeypatch):
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=12345))
    assert hg.free_memory(torch.device("cpu")) == 12345
    monkeypatch.undo()
    assert 0 < hg.free_memory(torch.device("cpu")) < 2**50


@pytest.mark.parametrize("kind", ["cuda", "xpu", "privateuseone"])
def test_free_memory_includes_what_torch_has_reserved_but_does_not_use(monkeypatch, kind):
    queries = {"mem_get_info": (1000, 9000), "memory_reserved": 300, "memory_allocated": 200}
    backend = SimpleNamespace(**{name: lambda device, result=result: result for name, result in queries.items()})
    monkeypatch.setattr(torch, kind, backend, raising=False)
    assert hg.free_memory(torch.device(kind)) == 1100


def test_free_memory_of_mps_is_queried(monkeypatch):
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 1000)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 300)
    assert hg.free_memory(torch.device("mps")) == 700


@pytest.mark.parametrize("kind", ["meta", "xla", "hpu", "mtia", "ipu", "lazy", "vulkan", "privateuseone"])
def test_a_stated_amount_is_assumed_where_free_memory_cannot_be_queried(kind):
    assert hg.free_memory(torch.device(kind)) == memory.ASSUMED_FREE == 4 * 2**30
