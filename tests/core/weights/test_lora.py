"""Files of LoRAs: merging into weights, the namings that are read, and what is refused."""

import pytest
import torch

import higen_core as hg
from higen_core.weights.checkpoint import save_network
from higen_core.weights.lora import load_lora, save_lora

from ..train import tiny

LAYERS = {"up.0.0.temporal.convs.0": (32, 32, 3, 1, 1), "middle.1.block.attn1.q": (32, 32), "conv_out": (4, 32, 3, 3)}


@pytest.fixture
def unet(tmp_path) -> hg.UNet:
    return hg.load_unet(tiny.denoiser(tmp_path / "unet.safetensors"))


def lora(rank=2, layers=LAYERS, **extra) -> dict:
    torch.manual_seed(3)
    tensors = {}
    for name, (out, *inputs) in layers.items():
        tensors[f"{name}.lora_up.weight"] = torch.randn(out, rank)
        tensors[f"{name}.lora_down.weight"] = torch.randn(rank, *inputs)
        tensors[f"{name}.alpha"] = torch.tensor(1.0)
    return tensors | extra


def saved(folder, tensors):
    path = folder / "lora.safetensors"
    save_lora(path, tensors, torch.float32)
    return path


def test_the_weights_change_by_the_scaled_product(unet, tmp_path):
    tensors = lora()
    before = {name: weight.clone() for name, weight in unet.state_dict().items()}
    assert load_lora(unet, saved(tmp_path, tensors), strength=0.5) is unet
    for name, weight in unet.state_dict().items():
        layer = name.removesuffix(".weight")
        expected = before[name]
        if layer in LAYERS:
            up, down = tensors[f"{layer}.lora_up.weight"], tensors[f"{layer}.lora_down.weight"]
            expected = expected + 0.5 * 1.0 / 2 * (up @ down.flatten(1)).view_as(expected)
        torch.testing.assert_close(weight, expected)
    assert not any(weight.requires_grad for weight in unet.parameters())


def test_opposite_strengths_cancel(unet, tmp_path):
    path = saved(tmp_path, lora())
    before = unet.conv_out.weight.clone()
    load_lora(unet, path, 0.7)
    assert not torch.allclose(unet.conv_out.weight, before)
    load_lora(unet, path, -0.7)
    torch.testing.assert_close(unet.conv_out.weight, before)


def test_weights_in_half_precision_get_the_merged_value_rounded_once(unet, tmp_path):
    path = saved(tmp_path, lora())
    half = hg.load_unet(tmp_path / "unet.safetensors", torch.bfloat16)
    load_lora(half, path)
    base = hg.load_unet(tmp_path / "unet.safetensors", torch.bfloat16).float()
    assert torch.equal(half.conv_out.weight, load_lora(base, path).conv_out.weight.bfloat16())


def test_differences_of_weights_and_biases_are_added(unet, tmp_path):
    extra = {
        "conv_out.diff": torch.ones(4, 32, 3, 3),
        "conv_out.diff_b": torch.ones(4),
        "norm_out.diff": torch.ones(32),
    }
    before = hg.load_unet(tmp_path / "unet.safetensors")
    load_lora(unet, saved(tmp_path, extra), 2.0)
    for name in ("conv_out.weight", "conv_out.bias", "norm_out.weight"):
        torch.testing.assert_close(unet.get_parameter(name), before.get_parameter(name) + 2)


@pytest.mark.parametrize("style", ["peft", "kohya"])
def test_other_namings_are_read(unet, tmp_path, style):
    from safetensors.torch import save_file

    tensors = lora()
    expected = load_lora(hg.load_unet(tmp_path / "unet.safetensors"), saved(tmp_path, tensors)).state_dict()
    renamed = {}
    for name, value in tensors.items():
        layer = next(layer for layer in LAYERS if name.startswith(layer))
        rest = name.removeprefix(f"{layer}.")
        if style == "peft":
            rest = rest.replace("lora_up", "lora_B").replace("lora_down", "lora_A")
            renamed[f"diffusion_model.{layer}.{rest}"] = value
        else:
            renamed[f"lora_unet_{layer.replace('.', '_')}.{rest}"] = value
    save_file(renamed, tmp_path / "other.safetensors")
    load_lora(unet, tmp_path / "other.safetensors")
    assert all(torch.equal(weight, expected[name]) for name, weight in unet.state_dict().items())


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (
            lora(layers={"middle.9.proj": (8, 8)}),
            r"its tensor diffusion_model.middle.9.proj.\S+ is for no layer",
        ),
        (lora(layers={"conv_out": (8, 32, 3, 3)}), r"in layer conv_out, lora_up \(8, 2\) and lora_down .* do not fit"),
        (
            lora(**{"conv_out.hada_w1_a": torch.ones(1)}),
            "its tensor diffusion_model.conv_out.hada_w1_a is .* unknown kind",
        ),
        (
            {"conv_out.lora_up.weight": torch.ones(4, 2)},
            "in layer conv_out, there is only one of lora_up and lora_down",
        ),
        ({"conv_out.alpha": torch.ones(())}, "in layer conv_out, there are no lora_up and lora_down"),
        (lora(**{"conv_out.dora_scale": torch.ones(32)}), r"in layer conv_out, dora_scale is \(32,\), which does not"),
        ({}, "it has no tensors"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(unet, tmp_path, tensors, message):
    from safetensors.torch import save_file

    path = tmp_path / "lora.safetensors"
    save_file({f"diffusion_model.{name}": value for name, value in tensors.items()}, path)
    before = {name: weight.clone() for name, weight in unet.state_dict().items()}
    with pytest.raises(ValueError, match=message) as error:
        load_lora(unet, path)
    assert str(path) in str(error.value)
    assert all(torch.equal(weight, before[name]) for name, weight in unet.state_dict().items())


def test_a_network_is_refused_as_a_lora(unet, tmp_path):
    save_network(tmp_path / "network.safetensors", unet)
    with pytest.raises(ValueError, match="it looks like a HiGen denoiser"):
        load_lora(unet, tmp_path / "network.safetensors")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors does not exist"):
        load_lora(unet, tmp_path / "nowhere.safetensors")
