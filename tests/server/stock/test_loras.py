"""LoRA on the MODEL of HiGen Loader: by LoRA Loader, and by hooks on the conditioning."""

import pytest
import torch

import higen_core as hg
from higen_core.train.lora.adapters import adapted_layers, adapter_parameters, add_lora, lora_tensors
from higen_core.weights.checkpoint import save_network
from higen_core.weights.lora import save_lora

from .graphs import VideoGraph, sampled

RANK, STRENGTH = 2, 0.8
KINDS = {"Linear", "Conv2d"}


@pytest.fixture(scope="module")
def lora(server):
    """A DoRA of every layer of mini's denoiser, trained for a few steps, and mini with it merged by the core.

    The files are removed, for other tests need a server without denoisers.
    """
    torch.manual_seed(0)
    trained = add_lora(hg.load_unet("mini"), "all", RANK, alpha=2 * RANK, dora=True)
    assert {type(layer.get_base_layer()).__name__ for layer in adapted_layers(trained).values()} == KINDS
    optimizer = torch.optim.AdamW(adapter_parameters(trained), lr=3e-3)
    x, text = torch.randn(1, 4, 4, 8, 8), torch.randn(1, 77, trained.config.y_dim)
    for step in range(3):
        trained(x, torch.tensor([300 * step]), text=text).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    folder = server.base / "models"
    lora, merged = folder / "loras/made_up.safetensors", folder / "higen/merged.safetensors"
    save_lora(lora, lora_tensors(trained))
    unet = hg.load_lora(hg.load_unet("mini"), lora, STRENGTH)
    save_network(merged, unet, torch.float32, **unet.info.to_metadata())
    yield lora.name
    lora.unlink()
    merged.unlink()


@pytest.fixture
def graph(lora):
    return VideoGraph()


def with_lora(graph, lora, strength):
    return graph.add("LoraLoaderModelOnly", model=graph.model, lora_name=lora, strength_model=strength)


def largest(a, b):
    return (a - b).abs().max().item() * hg.LATENT_SCALE


def test_a_lora_changes_the_video_as_the_merged_weights_do(server, graph, lora):
    applied, off = (with_lora(graph, lora, strength) for strength in (STRENGTH, 0.0))
    merged = graph.add(
        "HiGenLoader",
        weights="merged.safetensors",
        text_encoder="bundled: mini",
        vae="bundled: mini",
        dtype="fp32",
    )
    links = [graph.ksampler(model=model) for model in (graph.model, applied, off, merged)]
    links += [graph.easy(model=model) for model in (graph.model, applied, merged)]
    plain, changed, unchanged, expected, easy, easy_changed, easy_expected = sampled(server, graph, *links)
    assert largest(changed, plain) > 0.05
    assert largest(easy_changed, easy) > 0.05
    assert largest(changed, expected) < 1e-4
    assert largest(easy_changed, easy_expected) < 1e-4
    assert unchanged.equal(plain)


def test_a_hook_applies_a_lora_to_a_part_of_sampling(server, graph, lora):
    def hooked(*keyframes):
        """The video with the LoRA at strength factors (from percent, factor)."""
        hooks = graph.add("CreateHookLora", lora_name=lora, strength_model=STRENGTH, strength_clip=0.0)
        frames = {}
        for start, factor in keyframes:
            frames = {
                "prev_hook_kf": graph.add("CreateHookKeyframe", strength_mult=factor, start_percent=start, **frames)
            }
        if frames:
            hooks = graph.add("SetHookKeyframes", hooks=hooks, hook_kf=frames["prev_hook_kf"])
        pair = graph.add(
            "PairConditioningSetProperties",
            positive_NEW=graph.positive,
            negative_NEW=graph.negative,
            strength=1.0,
            set_cond_area="default",
            hooks=hooks,
        )
        return graph.ksampler(positive=pair, negative=[pair[0], 1])

    links = [graph.ksampler(), graph.ksampler(model=with_lora(graph, lora, STRENGTH))]
    links += [hooked(), hooked((0.0, 0.0)), hooked((0.0, 0.0), (0.5, 1.0))]
    plain, changed, always, never, late = sampled(server, graph, *links)
    assert largest(always, changed) < 1e-4
    assert largest(never, plain) < 1e-4
    assert 1e-3 < largest(late, plain) < largest(changed, plain)
