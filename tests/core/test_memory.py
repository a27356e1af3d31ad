"""The plan of memory: its estimates hold, and it takes the fastest way that fits."""

from types import SimpleNamespace

import pytest
import torch

import higen_core as hg
from higen_core import memory
from higen_core.config import MINI, MINI_VAE, RELEASED, RELEASED_VAE

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
    assert line.startswith("2 calls a step, ")
    assert line.endswith(" of activations")
    assert " of 32 frames at a time, " in line
    assert str(hg.plan(RELEASED, *LATENT, torch.bfloat16, 2**29, parts=3)).startswith("3 calls a step, ")


def test_what_is_guided_twice_needs_room_for_three():
    free = hg.activations(RELEASED, *LATENT, torch.bfloat16, batch=3)
    assert hg.plan(RELEASED, *LATENT, torch.bfloat16, free, parts=3).batch_guidance
    assert not hg.plan(RELEASED, *LATENT, torch.bfloat16, free - 1, parts=3).batch_guidance


@pytest.mark.parametrize("config", [MINI_VAE, RELEASED_VAE], ids=["mini", "released"])
def test_the_estimate_of_decoding_is_what_the_graph_needs(config):
    needed = computed_peak(lambda: hg.VAE(config), lambda vae: vae.decode(torch.empty(3, 4, 8, 14)))
    assert 3 * hg.decode_activations(config, 8, 14, torch.float32) == pytest.approx(needed, rel=0.01)


@pytest.mark.parametrize(("free", "chunk"), [(0, 1), (99, 1), (250, 2), (799, 7), (10**9, 8)])
def test_less_memory_leads_to_fewer_frames_decoded_at_a_time(free, chunk):
    plan = hg.plan_decoding(32, 100, free)
    assert (plan.chunk, plan.bytes) == (chunk, 100 * chunk)
    assert str(plan).startswith(f"the VAE decodes {chunk} of 32 frames at a time, ")
    assert hg.plan_decoding(3, 100, free).chunk == min(chunk, 3)


def test_decoding_asks_how_much_memory_is_free(monkeypatch):
    vae = hg.VAE(MINI_VAE)
    sizes = []
    vae.decoder.register_forward_pre_hook(lambda _, arguments: sizes.append(len(arguments[0])))
    room = 3 * hg.decode_activations(MINI_VAE, 2, 2, torch.float32)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=room))
    with torch.no_grad():
        vae.decode_video(torch.zeros(1, 4, 8, 2, 2))
        vae.decode_video(torch.zeros(1, 4, 8, 2, 2), chunk=5)
    assert sizes == [3, 3, 2, 5, 3]


def test_free_memory_is_that_of_the_device():
    assert 0 < memory.free_memory(torch.device("cpu")) < 2**50
    with pytest.raises(ValueError, match="free memory of 'meta' is not known here: say how many frames"):
        memory.free_memory(torch.device("meta"))
