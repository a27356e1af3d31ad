"""The benchmarks run, and their figures are plausible, on a narrow network."""

import subprocess
import sys

import pytest

from ..comfyui.paths import ROOT
from . import process, step

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
