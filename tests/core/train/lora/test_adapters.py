"""Adapters on a denoiser: which layers they change, that they train, and that their file gives the same network."""

import pytest
import torch
from torch import nn

import higen_core as hg
from higen_core.train.lora.adapters import (
    adapted_layers,
    adapter_parameters,
    add_lora,
    lora_tensors,
    target_layers,
)
from higen_core.train.lora.config import TARGETS
from higen_core.weights.lora import save_lora

from .. import tiny


@pytest.fixture
def path(tmp_path):
    """Weights of a network without a channel of zeros."""
    return tiny.trained_denoiser(tmp_path / "unet.safetensors")


def call(unet, frames=3):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, frames, 8, 8, generator=generator)
    return unet(x, torch.tensor([500]), text=torch.randn(1, 5, 32, generator=generator))


def trained(unet, steps=2):
    optimizer = torch.optim.AdamW(adapter_parameters(unet), lr=1e-2)
    for _ in range(steps):
        call(unet).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return unet


@pytest.mark.medium
@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_file_gives_the_trained_network(path, tmp_path, target, dora):
    unet = hg.load_unet(path)
    before = call(unet)
    add_lora(unet, target, rank=2, alpha=3, dora=dora)
    assert torch.allclose(call(unet), before, atol=1e-6)
    after = call(trained(unet, steps=20)).detach()
    assert not torch.allclose(after, before, atol=1e-3)
    save_lora(tmp_path / "lora.safetensors", lora_tensors(unet), torch.float32)
    torch.testing.assert_close(call(hg.load_lora(hg.load_unet(path), tmp_path / "lora.safetensors")), after)


def test_motion_and_appearance_are_the_temporal_and_the_spatial_layers(path):
    unet = hg.load_unet(path)
    motion, appearance, every = (set(target_layers(unet, target)) for target in TARGETS)
    assert not motion & appearance
    assert every - motion - appearance == {
        f"embedding.{m}.{i}" for m in ("time", "motion", "appearance") for i in (0, 2)
    }
    assert {"down.0.1.proj_in", "up.0.0.temporal.convs.3", "down.1.2.block.attn1.q"} <= motion
    assert {"down.0.0.conv", "down.0.0.prior", "conv_out", "text_resampler.input_mapping", "middle.0.emb"} <= appearance
    with pytest.raises(ValueError, match="target must be one of motion, appearance, all, got 'both'"):
        target_layers(unet, "both")


def test_a_motion_adapter_leaves_single_frames_alone(path):
    unet = hg.load_unet(path)
    before = call(unet, frames=1)
    trained(add_lora(unet, "motion", rank=2))
    assert torch.equal(call(unet, frames=1), before)


def test_only_the_adapters_have_gradients(path):
    unet = add_lora(hg.load_unet(path), "motion", rank=2)
    names = {name for name, weight in unet.named_parameters() if weight.requires_grad}
    assert names and all(".lora_" in name for name in names)
    assert len(adapter_parameters(unet)) == len(names) == 2 * len(adapted_layers(unet))


def test_dora_refuses_weights_without_a_direction(tmp_path):
    unet = hg.load_unet(tiny.denoiser(tmp_path / "unet.safetensors"))  # not trained: some layers are zero
    with pytest.raises(ValueError, match="dora needs weights without channels of zeros.*use a LoRA without dora"):
        add_lora(unet, "all", dora=True)
    with pytest.raises(ValueError, match="rank must be at least 1, got 0"):
        add_lora(unet, rank=0)


def test_a_dora_leaves_temporal_convolutions_alone(path):
    layers = adapted_layers(add_lora(hg.load_unet(path), "all", rank=2, dora=True))
    assert layers
    assert not any(isinstance(layer.get_base_layer(), nn.Conv1d | nn.Conv3d) for layer in layers.values())
