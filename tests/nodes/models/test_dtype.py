"""The precision that "auto" selects on a CPU."""

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.nodes.models import model

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
    monkeypatch.setattr(model, "_cpuinfo", lambda: cpuinfo)
    assert model.best_dtype(path, CPU) == torch.float32
    monkeypatch.setattr(model, "BF16_CPU_PARAMETERS", 1000)
    assert model.best_dtype(path, CPU) == (torch.bfloat16 if has_bf16 else torch.float32)
    assert model.best_dtype("mini", CPU) == torch.float32


def test_the_launch_option_fp32_unet_has_priority(path, monkeypatch):
    monkeypatch.setattr(model, "_cpuinfo", lambda: "flags: avx512_bf16\n")
    monkeypatch.setattr(model, "BF16_CPU_PARAMETERS", 1000)
    monkeypatch.setattr(model.args, "fp32_unet", True)
    assert model.best_dtype(path, CPU) == torch.float32
