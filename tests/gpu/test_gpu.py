"""The command for a GPU runs on a CPU, with tiny sizes."""

import json

import pytest
import torch

from . import __main__ as command
from .meter import Setting, attempt
from .nodes import row_of


@pytest.mark.medium
def test_every_part_gives_figures_on_a_cpu(tmp_path, capsys):
    assert command.main(["--device", "cpu", "--tiny", "--json", str(tmp_path / "gpu.json")]) == 0
    parts = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert set(parts) == {"accuracy", "mini", "stages", "decoding", "nodes"}
    assert all(row["error_rms"] == 0 for row in parts["accuracy"] if row["precision"] == "fp32")
    assert [row["psnr"] for row in parts["mini"]] == [100]
    missing = [row["way"] for row in parts["stages"] if "error" in row]
    assert missing == ["attention: memory-efficient", "attention: cuDNN"]  # which a CPU does not have
    (compiled,) = (row for row in parts["stages"] if row["way"].endswith("compiled"))
    assert compiled["ok"] and compiled["graphs"] > 0 and compiled["error_rms"] <= compiled["bar"]
    assert all(row["planned"] > 0 and row["seconds"] > 0 for row in parts["decoding"])
    (nodes,) = parts["nodes"]
    assert nodes["psnr"] > 60
    assert nodes["released_step_seconds"] > 0
    assert "| network |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "may_refuse", "finding"),
    [
        (torch.OutOfMemoryError, False, {}),
        (RuntimeError, False, {"ok": False}),
        (NotImplementedError, False, {"ok": False}),
        (RuntimeError, True, {}),
    ],
)
def test_an_error_of_torch_is_a_finding_unless_memory_does_not_suffice_or_torch_may_refuse(kind, may_refuse, finding):
    def refused():
        raise kind("it does not work.\nDetails")

    assert attempt(refused, may_refuse) == {"error": f"{kind.__name__}: it does not work."} | finding


def test_a_process_of_nodes_that_fails_is_a_finding(tmp_path):
    row = row_of(Setting.of("cpu", tiny=True), "no-such-option", tmp_path, torch.zeros(1))
    assert row["error"] and row["ok"] is False


def test_without_a_gpu_the_command_says_how_to_test_it(capsys, monkeypatch):
    monkeypatch.setattr(command.torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        command.main([])
    assert "--device cpu --tiny" in capsys.readouterr().err
