"""Conversion: one file a network, with all a loader needs in it, and the same results."""

import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from higen_core import load_unet
from higen_core.convert import LOADERS, convert

from . import golden

KINDS = {"denoiser": "unet_small_weights", "vae": "vae_small_weights", "clip": "clip_small_weights"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_a_network_is_written_with_its_config_and_licence(tmp_path, kind, dtype):
    source = golden.path(KINDS[kind])
    (path,) = convert(source, dtype, tmp_path)
    assert path.name == f"{source.stem}-{kind}-{dtype}.safetensors"
    with safe_open(path, "pt") as file:
        assert {"config", "license"} <= file.metadata().keys()
    precision = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    before, after = (LOADERS[kind](p, dtype=precision).state_dict() for p in (source, path))
    assert before.keys() == after.keys()
    assert all(after[name].dtype == precision and torch.equal(after[name], before[name]) for name in before)


@torch.no_grad()
def test_the_converted_denoiser_gives_the_same_bits(tmp_path):
    case = golden.cases("unet_small_cases", "temporal.")
    case.pop("out")
    x, t = case.pop("x"), case.pop("t")
    source = golden.path("unet_small_weights")
    (path,) = convert(source, "bf16", tmp_path)
    before, after = (load_unet(p, dtype=torch.bfloat16)(x, t, **case) for p in (source, path))
    assert torch.equal(before, after)


def test_what_the_weights_were_trained_on_is_kept(tmp_path):
    (first,) = convert(golden.path("unet_small_weights"), "fp16", tmp_path)
    (second,) = convert(first, "fp32", tmp_path / "again")
    assert load_unet(first).info == load_unet(second).info
    assert load_unet(first).info["frames"] == 32


def test_a_number_that_half_precision_cannot_hold_is_refused(tmp_path):
    tensors = golden.cases("vae_small_weights")
    tensors["post_quant_conv.bias"] = tensors["post_quant_conv.bias"].float() + 1e6
    with safe_open(golden.path("vae_small_weights"), "pt") as file:
        save_file(tensors, tmp_path / "vae.safetensors", file.metadata())
    with pytest.raises(ValueError, match="post_quant_conv.bias has values that fp16 cannot hold; try bf16 or fp32"):
        convert(tmp_path / "vae.safetensors", "fp16")


def test_a_file_of_something_else_is_refused_on_the_command_line(tmp_path):
    torch.save({"lora_unet.lora_up.weight": torch.zeros(1)}, tmp_path / "style.pth")
    command = [sys.executable, "-m", "higen_core", "convert", str(tmp_path / "style.pth")]
    ended = subprocess.run(command, cwd=golden.FOLDER.parents[1], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith(
        "holds none of HiGen's networks: it seems to be a LoRA, which only changes another model"
    )


def test_the_command_line_prints_what_it_wrote(tmp_path):
    command = [
        sys.executable,
        "-m",
        "higen_core",
        "convert",
        str(golden.path("vae_small_weights")),
        "--out",
        str(tmp_path),
    ]
    ended = subprocess.run(command, cwd=golden.FOLDER.parents[1], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [str(path) for path in tmp_path.iterdir()]
