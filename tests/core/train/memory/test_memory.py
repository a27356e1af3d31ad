"""Activation checkpointing, smaller frozen weights, and the forecast of memory."""

from pathlib import Path

import pytest
import torch

import higen_core as hg
from higen_core.train.denoiser import Denoise
from higen_core.train.lora.adapters import add_lora, lora_tensors
from higen_core.train.lora.config import LoraTraining
from higen_core.train.memory.blocks import checkpoint_blocks
from higen_core.train.memory.forecast import LiveBytes
from higen_core.train.memory.frozen import quantize_linear
from higen_core.train.memory.steps import denoiser_forecast, lora_forecast
from higen_core.weights.lora import save_lora

from .. import tiny


@pytest.fixture
def path(tmp_path) -> Path:
    tiny.networks(tmp_path)
    return tiny.trained_denoiser(tmp_path / "unet.safetensors", frames=4, fps=8, width=64, height=64)


def loss_of(unet, frames=4):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, frames, 8, 8, generator=generator)
    return unet(x, torch.tensor([500]), text=torch.randn(1, 5, 32, generator=generator)).square().mean()


def gradients(unet):
    loss_of(unet).backward()
    return {name: weight.grad for name, weight in unet.named_parameters() if weight.requires_grad}


def test_checkpointed_blocks_have_the_same_gradients_in_less_memory(path):
    found, peaks = [], []
    for change in (lambda unet: unet, checkpoint_blocks):
        torch.manual_seed(0)
        unet = change(add_lora(hg.load_unet(path), "all", rank=2))
        with LiveBytes(unet) as live:
            found.append(gradients(unet))
        peaks.append(live.peak)
        assert set(unet.state_dict()) == set(add_lora(hg.load_unet(path), "all", rank=2).state_dict())
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient)
    assert peaks[1] < 0.5 * peaks[0]


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize("base", ["int8", "fp8"])
def test_adapters_train_on_quantized_linear_layers_and_fit_the_whole_ones(path, tmp_path, base, dora):
    unet = quantize_linear(hg.load_unet(path, torch.bfloat16), base)
    linear = unet.get_submodule("text_resampler.input_mapping").weight
    assert type(linear).__module__.startswith("torchao")
    assert unet.conv_out.weight.dtype == torch.bfloat16
    before = loss_of(unet).item()
    assert before == pytest.approx(loss_of(hg.load_unet(path)).item(), rel=0.1)
    torch.manual_seed(0)
    add_lora(unet, "all", rank=2, dora=dora)
    optimizer = torch.optim.AdamW([weight for weight in unet.parameters() if weight.requires_grad], lr=1e-2)
    for _ in range(3):
        loss_of(unet).backward()
        optimizer.step()
        optimizer.zero_grad()
    after = loss_of(unet).item()
    assert after < 0.9 * before
    save_lora(tmp_path / "lora.safetensors", lora_tensors(unet))
    merged = hg.load_lora(hg.load_unet(path), tmp_path / "lora.safetensors")
    assert loss_of(merged).item() == pytest.approx(after, rel=0.1)


def lora_config(path, **changes) -> LoraTraining:
    options = {"init": str(path), "images": 1, "videos": 1, "precision": "no", "rank": 2} | changes
    return LoraTraining(out=path.parent, data="videos", **options)


@pytest.mark.medium
def test_the_forecast_is_what_a_step_needs(path):
    """On real tensors, of the same shapes."""
    forecast = lora_forecast(lora_config(path, images=0))
    unet = add_lora(hg.load_unet(path), "all", rank=2)
    trained = [weight for weight in unet.parameters() if weight.requires_grad]
    sizes = {kind: 4 * sum(w.numel() for w in unet.parameters() if w.requires_grad is kind) for kind in (True, False)}
    assert (forecast.trained, forecast.frozen) == (sizes[True], sizes[False])
    assert forecast.gradients == forecast.average == sizes[True]
    assert forecast.optimizer == 2 * sizes[True]
    vae, clip = hg.load_vae(path.parent / "vae.safetensors"), hg.load_clip(path.parent / "clip.safetensors")
    assert forecast.networks == 4 * sum(weight.numel() for weight in (*vae.parameters(), *clip.parameters()))
    with LiveBytes(unet) as live:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(1, 4, 4, 8, 8, generator=generator)
        text, prior = torch.zeros(1, 77, 32), torch.zeros(1, 4, 8, 8)
        cues = {"motion": torch.zeros(1, 3), "appearance": torch.zeros(1, 4, 32)}
        Denoise(unet).unet(x, torch.tensor([5]), text=text, prior=prior, **cues).square().mean().backward()
    assert all(weight.grad is not None for weight in trained)
    assert forecast.gradients + forecast.activations == pytest.approx(live.peak, rel=0.1)


@pytest.mark.slow
def test_what_saves_memory_does_so_in_the_forecast(path):
    plain = lora_forecast(lora_config(path))
    assert lora_forecast(lora_config(path, checkpointing=True)).activations < 0.5 * plain.activations
    assert lora_forecast(lora_config(path, base="bf16")).frozen == plain.frozen / 2
    assert 0.25 < lora_forecast(lora_config(path, base="int8")).frozen / plain.frozen < 0.5
    assert lora_forecast(lora_config(path, optimizer="adamw8bit")).optimizer < 0.3 * plain.optimizer
    whole = denoiser_forecast(lora_config(path))
    assert whole.frozen == 0
    assert whole.gradients == whole.trained == plain.frozen


@pytest.mark.medium
def test_the_command_prints_the_forecast(path, capsys):
    from higen_core.train import __main__ as cli

    arguments = [
        "lora",
        "--init",
        str(path),
        "--data",
        str(path.parent),
        "--vae",
        "mini",
        "--clip",
        "mini",
        "--out",
        str(path.parent / "out"),
        "--dry-run",
    ]
    cli.main(arguments)
    parts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(parts) == {"frozen", "trained", "gradients", "optimizer", "average", "activations", "networks", "total"}
    assert all(value.endswith(" GB") for value in parts.values())
    assert not (path.parent / "out").exists()
