"""The command for a GPU runs on a CPU, with tiny sizes."""

import json

import pytest

from . import __main__ as command
from .meter import attempt


@pytest.mark.medium
def test_every_part_gives_figures_on_a_cpu(tmp_path, capsys):
    assert command.main(["--device", "cpu", "--tiny", "--json", str(tmp_path / "gpu.json")]) == 0
    parts = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert set(parts) == {"accuracy", "mini", "stages", "decoding", "nodes"}
    assert all(row["error_rms"] == 0 for row in parts["accuracy"] if row["precision"] == "fp32")
    assert [row["psnr"] for row in parts["mini"]] == [100]
    missing = [row["way"] for row in parts["stages"] if "error" in row]
    assert missing == ["attention: memory-efficient", "attention: cuDNN"]  # which a CPU does not have
    assert all(row["planned"] > 0 and row["seconds"] > 0 for row in parts["decoding"])
    (nodes,) = parts["nodes"]
    assert nodes["psnr"] > 60
    assert "| network |" in capsys.readouterr().out


def test_a_part_that_torch_refuses_is_a_row_with_the_reason():
    def refused():
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2.00 GiB")

    assert attempt(refused) == {"error": "RuntimeError: CUDA out of memory."}


def test_without_a_gpu_the_command_says_how_to_test_it(capsys, monkeypatch):
    monkeypatch.setattr(command.torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        command.main([])
    assert "--device cpu --tiny" in capsys.readouterr().err
