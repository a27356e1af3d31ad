"""Cues of a long clip are extracted in little more memory than its frames have, measured through Linux's /proc."""

import json
import subprocess
import sys

import pytest

from ...benchmarks.process import CLEAR_REFS
from ...comfyui.paths import ROOT

pytestmark = pytest.mark.skipif(not CLEAR_REFS.is_file(), reason="needs Linux's /proc")


@pytest.mark.medium
@pytest.mark.parametrize(("source", "bound"), [("images", 1.3), ("file", 0.3)])
def test_a_long_clip_takes_little_more_memory_than_its_frames(source, bound):
    """A file is read frame by frame, so that its frames never are in memory together."""
    command = [sys.executable, "-m", "tests.nodes.cues.extraction_peak", source, "128", "512"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-2000:]
    measured = json.loads(process.stdout.splitlines()[-1])
    assert measured["peak"] < bound * measured["frames"]
