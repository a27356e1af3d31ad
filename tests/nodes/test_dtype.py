"""What precision "auto" is, on the CPU that the tests run on."""

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.nodes import model

from . import networks

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dtype")
    return str(networks.random_file(folder / "unet.safetensors", hg.UNet, networks.UNET))


@pytest.mark.parametrize(
    ("cpuinfo", "has"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("", False),
    ],
)
def test_a_cpu_with_bf16_gets_it_for_large_networks_only(path, monkeypatch, cpuinfo, has):
    monkeypatch.setattr(model, "_cpuinfo", lambda: cpuinfo)
    assert model.best_dtype(path, CPU) == torch.float32
    monkeypatch.setattr(model, "BF16_PAYS", 1000)
    assert model.best_dtype(path, CPU) == (torch.bfloat16 if has else torch.float32)
    assert model.best_dtype("mini", CPU) == torch.float32


def test_fp32_by_launch_option_is_kept(path, monkeypatch):
    monkeypatch.setattr(model, "_cpuinfo", lambda: "flags: avx512_bf16\n")
    monkeypatch.setattr(model, "BF16_PAYS", 1000)
    monkeypatch.setattr(model.args, "fp32_unet", True)
    assert model.best_dtype(path, CPU) == torch.float32
