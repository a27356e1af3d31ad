"""Freed memory is given back to the system, also what lies below memory that is in use."""

import os
import sys

import pytest
import torch
from higen_pack.nodes.output.freed_memory import give_back

from ...soak.process import usage


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc and the GNU C library")
def test_memory_between_blocks_that_are_in_use_is_given_back():
    blocks = [torch.ones(30_000) for _ in range(2_000)]  # too small to be mapped each on its own
    kept = blocks[::50]
    blocks.clear()
    before = usage(os.getpid()).resident
    give_back()
    assert usage(os.getpid()).resident < before - 100
    assert len(kept) == 40
