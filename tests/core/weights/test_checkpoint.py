"""Saving and loading networks: strict, atomic, with errors that name the cause."""

import json

import pytest
import safetensors.torch
import torch
from safetensors.torch import save_file

from higen_core import ModelInfo
from higen_core.models.config import UNetConfig
from higen_core.weights.checkpoint import load_unet, load_vae, save_network

from .. import golden


@pytest.fixture(scope="module")
def unet():
    return load_unet(golden.path("unet_small_weights"))


def test_saving_and_loading_gives_the_same_network(unet, tmp_path):
    info = ModelInfo(
        frames=16, vocabulary=("cat",), training={"lr": 3e-5}, extra={"dtype": "half", "path": "a", "x": 1}
    )
    save_network(tmp_path / "copy.safetensors", unet, **info.to_metadata())
    copy = load_unet(tmp_path / "copy.safetensors")
    assert copy.config == unet.config
    assert copy.info == info
    assert all(torch.equal(a, b) for a, b in zip(unet.parameters(), copy.parameters(), strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["copy.safetensors"]


def test_processes_write_under_different_temporary_names(unet, tmp_path, monkeypatch):
    """Containers have the same process numbers, so these would not be enough."""
    temporary = []
    monkeypatch.setattr(safetensors.torch, "save_file", lambda _, path, __: (temporary.append(path), path.touch()))
    for _ in range(3):
        save_network(tmp_path / "copy.safetensors", unet)
    assert len(set(temporary)) == 3
    assert {path.parent for path in temporary} == {tmp_path}
    assert [path.name for path in tmp_path.iterdir()] == ["copy.safetensors"]


def test_a_failure_leaves_the_old_file_and_no_temporary_one(unet, tmp_path, monkeypatch):
    def fail(_, path, __):
        path.write_bytes(b"half of a file")
        raise OSError("no space left")

    (tmp_path / "copy.safetensors").write_bytes(b"old")
    monkeypatch.setattr(safetensors.torch, "save_file", fail)
    with pytest.raises(OSError, match="no space left"):
        save_network(tmp_path / "copy.safetensors", unet)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_weights_are_loaded_in_the_requested_dtype():
    unet = load_unet(golden.path("unet_small_weights"), dtype=torch.bfloat16)
    assert {p.dtype for p in unet.parameters()} == {torch.bfloat16}


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match="nowhere.safetensors does not exist"):
        load_unet("nowhere.safetensors")


def test_a_file_of_another_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match="taken for the released HiGen denoiser, but missing .* unexpected"):
        save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
        load_unet(tmp_path / "other.safetensors")


def test_a_file_with_a_missing_tensor_is_refused(tmp_path):
    tensors = golden.cases("vae_small_weights")
    tensors.pop("decoder.conv_out.bias")
    save_file(
        tensors, tmp_path / "cut.safetensors", {"config": json.dumps(golden.metadata("vae_small_weights")["config"])}
    )
    with pytest.raises(ValueError, match="missing decoder.conv_out.bias"):
        load_vae(tmp_path / "cut.safetensors")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("frames", 0, "frames of the weights must be a positive integer, got 0"),
        ("config", "small", "config in its metadata must be a JSON object, got 'small'"),
        ("config", {"ch": 32}, "VAEConfig: .* missing .* 'ch_mult'"),
    ],
)
def test_wrong_metadata_is_refused_and_the_file_named(tmp_path, key, value, message):
    metadata = golden.metadata("vae_small_weights") | {key: value}
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    save_file(golden.cases("vae_small_weights"), tmp_path / "vae.safetensors", texts)
    with pytest.raises(ValueError, match=f"vae.safetensors: {message}"):
        load_vae(tmp_path / "vae.safetensors")


def test_unknown_config_keys_are_refused():
    values = golden.metadata("unet_small_weights")["config"]
    with pytest.raises(ValueError, match="unknown key 'use_magic'"):
        UNetConfig.from_dict(values | {"use_magic": True})
    values.pop("dim")
    with pytest.raises(ValueError, match="dim"):
        UNetConfig.from_dict(values)
