"""Conversion: one file for each network, with config and metadata, and the same outputs."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from higen_core import ModelInfo, load_unet
from higen_core.weights.checkpoint import MINI_DIR, save_network
from higen_core.weights.conversion import LICENSES, LOADERS, convert

from .. import golden

KINDS = {"denoiser": "unet_small_weights", "vae": "vae_small_weights", "clip": "clip_small_weights"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_a_network_is_written_with_its_config_and_license(tmp_path, kind, dtype):
    source = golden.path(KINDS[kind])
    (path,) = convert(source, dtype, tmp_path)
    assert path.name == f"{source.stem}-{kind}-{dtype}.safetensors"
    with safe_open(path, "pt") as file:
        assert {"config", "license"} <= file.metadata().keys()
    precision = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    expected, converted = (LOADERS[kind](p, dtype=precision).state_dict() for p in (source, path))
    assert expected.keys() == converted.keys()
    assert all(tensor.dtype == precision and torch.equal(tensor, expected[name]) for name, tensor in converted.items())


@torch.no_grad()
def test_the_converted_denoiser_gives_exactly_the_same_output(tmp_path):
    case = golden.cases("unet_small_cases", "temporal.")
    case.pop("out")
    x, t = case.pop("x"), case.pop("t")
    source = golden.path("unet_small_weights")
    (path,) = convert(source, "bf16", tmp_path)
    expected, converted = (load_unet(p, dtype=torch.bfloat16)(x, t, **case) for p in (source, path))
    assert torch.equal(expected, converted)


def test_the_metadata_of_a_converted_denoiser_is_complete(tmp_path):
    """Also if the source has none, as the released weights: defaults are written out."""
    (path,) = convert(golden.path("unet_small_weights"), "fp16", tmp_path)
    with safe_open(path, "pt") as file:
        assert file.metadata().keys() == {"config", "license", *ModelInfo().to_metadata()}
    assert load_unet(path).info == ModelInfo(extra={"license": LICENSES["denoiser"]})
    (again,) = convert(path, "fp32", tmp_path / "again")
    assert load_unet(again).info == load_unet(path).info


def test_the_info_and_the_license_of_a_denoiser_are_kept(tmp_path):
    info = ModelInfo(
        frames=8, noise_correlation=300.0, steps=7, training={"lr": 1e-4}, extra={"license": "CC0", "dtype": 2}
    )
    save_network(tmp_path / "cats.safetensors", load_unet(golden.path("unet_small_weights")), **info.to_metadata())
    (path,) = convert(tmp_path / "cats.safetensors", "bf16")
    assert load_unet(path).info == info


def test_mini_is_converted_under_the_current_names(tmp_path):
    info = load_unet("mini").info
    (path,) = convert(MINI_DIR / "denoiser.safetensors", "bf16", tmp_path)
    assert load_unet(path).info == replace(info, extra={"license": LICENSES["denoiser"], **info.extra})
    with safe_open(path, "pt") as file:
        assert "noise_sharing" not in file.metadata()
        assert not any(name.startswith("text_tokens.") for name in file.keys())  # noqa: SIM118


@pytest.mark.parametrize("kind", ["vae", "clip"])
def test_the_metadata_of_the_other_networks_is_kept_as_it_is(tmp_path, kind):
    save_network(tmp_path / "source.safetensors", LOADERS[kind](golden.path(KINDS[kind])), steps=7, note="mine")
    (path,) = convert(tmp_path / "source.safetensors", "bf16")
    with safe_open(path, "pt") as file:
        assert file.metadata().keys() == {"config", "license", "steps", "note"}


def test_a_value_that_half_precision_cannot_represent_is_refused(tmp_path):
    tensors = golden.cases("vae_small_weights")
    tensors["post_quant_conv.bias"] = tensors["post_quant_conv.bias"].float() + 1e6
    with safe_open(golden.path("vae_small_weights"), "pt") as file:
        save_file(tensors, tmp_path / "vae.safetensors", file.metadata())
    with pytest.raises(
        ValueError, match="post_quant_conv.bias has values that fp16 cannot represent; try bf16 or fp32"
    ):
        convert(tmp_path / "vae.safetensors", "fp16")


def test_the_command_line_refuses_a_file_without_networks(tmp_path):
    torch.save({"lora_unet.lora_up.weight": torch.zeros(1)}, tmp_path / "style.pth")
    command = [sys.executable, "-m", "higen_core", "convert", str(tmp_path / "style.pth")]
    result = subprocess.run(command, cwd=golden.FOLDER.parents[1], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.strip().endswith(
        "contains none of HiGen's networks: it looks like a LoRA, which only changes another model"
    )


def test_the_command_line_prints_the_paths_of_the_new_files(tmp_path):
    source = str(golden.path("vae_small_weights"))
    command = [sys.executable, "-m", "higen_core", "convert", source, "--out", str(tmp_path)]
    result = subprocess.run(command, cwd=golden.FOLDER.parents[1], capture_output=True, text=True, check=True)
    assert result.stdout.split() == [str(path) for path in tmp_path.iterdir()]
