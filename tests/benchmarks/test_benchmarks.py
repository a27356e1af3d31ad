"""The benchmark measures what it says, tried on a narrow network."""

import subprocess
import sys

import pytest
import torch

from ..comfyui.paths import ROOT
from . import process, step
from .precision import psnr

pytestmark = pytest.mark.skipif(not process.CLEAR_REFS.exists(), reason="needs Linux's /proc")


@pytest.mark.slow
def test_a_chunked_call_is_reported_to_take_less_memory():
    whole, chunked = (process.measure("step", "narrow", "fp32", chunk) for chunk in (step.FRAMES, 4))
    assert chunked["computed"] < 0.6 * whole["computed"]
    assert chunked["weights"] == whole["weights"]
    assert all(row["peak"] > row["weights"] + row["computed"] for row in (whole, chunked))


def test_a_row_without_room_is_left_out_and_named():
    code = "from tests.benchmarks.process import check_room; check_room(2**60, 'fp64')"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == process.NO_ROOM
    assert ended.stderr.startswith("fp64 is left out: it needs 1073741825.0 GB of free memory")


def test_the_command_prints_tables():
    command = [sys.executable, "-m", "tests.benchmarks", "--narrow", "loading"]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    header, line, *rows = (row.strip("|").split("|") for row in ended.stdout.splitlines())
    assert [row[0].strip() for row in rows] == ["fp32, as downloaded", "converted to bf16"]
    assert {len(row) for row in (header, line, *rows)} == {5}


def test_pictures_are_compared_in_decibels():
    assert psnr(torch.full((4,), 0.6), torch.full((4,), 0.5)) == pytest.approx(20, abs=1e-3)
