"""Reading and writing weights: strict, atomic, with errors that help."""

import json

import pytest
import torch
from safetensors.torch import save_file

from higen_core.checkpoint import load_unet, load_vae, save_network
from higen_core.config import UNetConfig

from . import golden


def test_a_network_survives_saving(tmp_path):
    before = load_unet(golden.path("unet_small_weights"))
    save_network(tmp_path / "copy.safetensors", before, vocabulary=["cat"], frames=16)
    after = load_unet(tmp_path / "copy.safetensors")
    assert after.config == before.config
    assert after.info["vocabulary"] == ["cat"]
    assert after.info["frames"] == 16
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))
    assert [p.name for p in tmp_path.iterdir()] == ["copy.safetensors"]


def test_weights_come_in_the_dtype_asked_for():
    unet = load_unet(golden.path("unet_small_weights"), dtype=torch.bfloat16)
    assert {p.dtype for p in unet.parameters()} == {torch.bfloat16}
    x = torch.randn(1, 4, 2, 4, 4)
    with torch.no_grad():
        assert unet(x, torch.tensor([500]), text=torch.randn(1, 7, 48)).dtype == x.dtype


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="nowhere.safetensors does not exist"):
        load_unet("nowhere.safetensors")


def test_a_file_of_another_network_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="taken for the released HiGen denoiser, but missing .* unexpected"):
        save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
        load_unet(tmp_path / "other.safetensors")


def test_a_truncated_set_of_tensors_is_refused(tmp_path):
    tensors = golden.cases("vae_small_weights")
    tensors.pop("decoder.conv_out.bias")
    save_file(
        tensors, tmp_path / "cut.safetensors", {"config": json.dumps(golden.metadata("vae_small_weights")["config"])}
    )
    with pytest.raises(ValueError, match="missing decoder.conv_out.bias"):
        load_vae(tmp_path / "cut.safetensors")


def test_unknown_config_keys_are_refused():
    values = golden.metadata("unet_small_weights")["config"]
    with pytest.raises(ValueError, match="unknown key 'use_magic'"):
        UNetConfig.from_dict(values | {"use_magic": True})
    values.pop("dim")
    with pytest.raises(ValueError, match="dim"):
        UNetConfig.from_dict(values)
