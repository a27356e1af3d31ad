"""LoRA on the MODEL of HiGen Loader: by LoRA Loader, and by hooks on the conditioning."""

import pytest
import torch
from safetensors.torch import save_file

import higen_core as hg
from higen_core.weights.checkpoint import save_network

from .graphs import VideoGraph, sampled

RANK, STRENGTH = 2, 0.8


@pytest.fixture(scope="module")
def lora(server):
    """A LoRA on every layer of mini's denoiser that has a matrix, and mini with the same change in its weights."""
    generator = torch.Generator().manual_seed(0)
    unet = hg.load_unet("mini")
    tensors, kinds = {}, set()
    for name, module in unet.named_modules():
        weight = getattr(module, "weight", None)
        if weight is None or weight.ndim < 2:
            continue
        up = torch.randn(len(weight), RANK, *[1] * (weight.ndim - 2), generator=generator)
        down = torch.randn(RANK, *weight.shape[1:], generator=generator)
        down *= 0.05 * weight.std() / RANK
        key = f"diffusion_model.{name}"
        tensors |= {f"{key}.lora_up.weight": up, f"{key}.lora_down.weight": down, f"{key}.alpha": torch.tensor(1.0)}
        weight += STRENGTH / RANK * (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
        kinds.add(type(module).__name__)
    assert kinds == {"Linear", "Conv1d", "Conv2d", "Conv3d"}
    folder = server.base / "models"
    for subfolder in ("loras", "higen"):
        (folder / subfolder).mkdir(exist_ok=True)
    save_file(tensors, folder / "loras/made_up.safetensors")
    save_network(folder / "higen/merged.safetensors", unet, torch.float32, **unet.info.to_metadata())
    return "made_up.safetensors"


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
