"""The precision that weights are stored in and computed with on a CPU."""

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.nodes.models import precision

from .. import networks

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dtype")
    return str(networks.random_file(folder / "unet.safetensors", hg.UNet, networks.UNET))


@pytest.mark.parametrize(
    ("cpuinfo", "has_bf16"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("", False),
    ],
)
def test_large_networks_run_in_bf16_on_a_cpu_that_supports_it(path, monkeypatch, cpuinfo, has_bf16):
    monkeypatch.setattr(precision, "_cpuinfo", lambda: cpuinfo)
    assert precision.weight_dtype(path, "auto", CPU) == torch.float32
    monkeypatch.setattr(precision, "BF16_CPU_PARAMETERS", 1000)
    assert precision.weight_dtype(path, "auto", CPU) == (torch.bfloat16 if has_bf16 else torch.float32)
    assert precision.weight_dtype("mini", "auto", CPU) == torch.float32
    assert precision.compute_dtype(torch.bfloat16, CPU) == (None if has_bf16 else torch.float32)


def test_the_launch_option_fp32_unet_has_priority(path, monkeypatch):
    monkeypatch.setattr(precision, "_cpuinfo", lambda: "flags: avx512_bf16\n")
    monkeypatch.setattr(precision, "BF16_CPU_PARAMETERS", 1000)
    monkeypatch.setattr(precision.args, "fp32_unet", True)
    assert precision.weight_dtype(path, "auto", CPU) == torch.float32


@pytest.mark.parametrize(
    ("option", "stored"),
    [
        ("fp8_e4m3fn_unet", torch.float8_e4m3fn),
        ("fp16_unet", torch.float16),
        ("bf16_unet", torch.bfloat16),
        ("fp32_unet", torch.float32),
    ],
)
def test_a_launch_option_sets_how_weights_are_stored_and_not_how_they_compute(path, monkeypatch, option, stored):
    monkeypatch.setattr(precision, "_cpuinfo", lambda: "")
    monkeypatch.setattr(precision.args, option, True)
    assert precision.weight_dtype(path, "auto", CPU) == stored
    assert precision.weight_dtype(path, "fp32", CPU) == torch.float32
    assert (precision.compute_dtype(stored, CPU) or stored) == torch.float32
