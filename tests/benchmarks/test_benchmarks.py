"""The benchmarks run, and their figures are plausible, on a narrow network."""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from ..comfyui.paths import ROOT
from . import process, step
from .pareto import command
from .pareto.cases import cases
from .pareto.figures import at_equal_evaluations
from .pareto.released import operations
from .pareto.report import with_gain
from .pareto.sampling import Evaluations
from .train_memory import KINDS

pytestmark = pytest.mark.skipif(not process.CLEAR_REFS.exists(), reason="needs Linux's /proc")


@pytest.mark.slow
def test_a_chunked_call_needs_less_memory():
    at_once, chunked = (process.measure("step", "narrow", "fp32", chunk) for chunk in (step.FRAMES, 4))
    assert chunked["computed"] < 0.6 * at_once["computed"]
    assert chunked["weights"] == at_once["weights"]
    assert all(row["peak"] > row["weights"] + row["computed"] for row in (at_once, chunked))


def test_a_row_that_needs_more_than_the_free_memory_is_skipped_with_a_message():
    code = "from tests.benchmarks.process import check_memory; check_memory(2**60, 'fp64')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == process.TOO_LITTLE_MEMORY
    assert run.stderr.startswith("fp64 is skipped: it needs 1073741825.0 GB of free memory")


@pytest.mark.slow
def test_the_command_prints_tables():
    command = [sys.executable, "-m", "tests.benchmarks", "--narrow", "loading"]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    header, line, *rows = (row.strip("|").split("|") for row in run.stdout.splitlines())
    assert [row[0].strip() for row in rows] == ["fp32, as downloaded", "converted to bf16"]
    assert {len(row) for row in (header, line, *rows)} == {5}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_step_takes_the_memory_of_what_is_trained(kind):
    row = process.measure("train_memory", "mini", kind)
    assert row["measured"] > sum(row[part] for part in ("trained", "gradients", "optimizer", "average"))


TOY = [
    "--prompts",
    "1",
    "--exact",
    "1",
    "--reference-steps",
    "4",
    "5",
    "--timed",
    "0",
    "--only",
    "^DDIM, 3 steps$|fast",
]


@pytest.mark.medium
def test_the_comparison_gives_rows_and_a_plot_and_continues_from_what_is_kept(tmp_path, capsys):
    arguments = [*TOY, "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "pareto.json")]
    command.main(arguments)
    (part,) = json.loads((tmp_path / "pareto.json").read_text())["guidance"].values()
    reference, fewer, preset = part["rows"]
    assert (reference["evaluations"], fewer["evaluations"]) == (12, 9)
    assert preset["name"] == "preset fast"
    assert (reference["psnr_released"], reference["distance_released"]) == (
        pytest.approx(77, abs=25),
        pytest.approx(0, abs=1e-4),
    )
    assert 15 < fewer["psnr_released"] < 60
    assert fewer["psnr_exact"] < reference["psnr_exact"]
    assert "| DDIM, 3 steps | 9.0 | 1.3 |" in capsys.readouterr().out
    assert (tmp_path / "pareto.png").stat().st_size > 10_000
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.pt")}
    command.main([*arguments, "--kept"])
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.pt")}


def test_fewer_cases_are_the_first_of_more():
    few, more = cases(5), cases(32)
    assert [(case.prompt, case.kind) for case in few] == [(case.prompt, case.kind) for case in more[:5]]
    assert {case.kind for case in more} == {*(case.kind for case in more[:8])}
    assert all(case.last_object == case.scene.target for case in more if case.kind == "turn")


def test_an_evaluation_is_a_full_call_on_one_video():
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    evaluations = Evaluations(network, lambda: network(torch.zeros(1, 3)))
    with evaluations.counted():
        network(torch.zeros(3, 3))
        network[0](torch.zeros(1, 3))
    assert evaluations.count == pytest.approx(3 + 12 / 20)


def test_attention_on_a_cpu_counts_as_work():
    x, length, width = torch.zeros(1, 2, 16, 8), 16, 8
    attention = operations(lambda: torch.nn.functional.scaled_dot_product_attention(x, x, x))
    assert attention == 2 * 2 * 2 * length**2 * width  # two heads, two products, two operations each
    assert operations(lambda: x @ x.mT) == 2 * 2 * length**2 * width


def test_a_method_is_compared_with_fewer_steps_at_equal_evaluations():
    assert at_equal_evaluations([(10, 30.0), (40, 40.0)], 20) == pytest.approx(35)
    assert at_equal_evaluations([(10, 30.0), (40, 40.0)], 50) is None
    rows = [{"curve": "DDIM", "evaluations": n, "psnr_released": value} for n, value in ((10, 30.0), (40, 40.0))]
    rows.append({"curve": "fitted", "evaluations": 20, "psnr_released": 39.0})
    assert [row.get("gain") for row in with_gain(rows)] == [None, None, pytest.approx(4)]
