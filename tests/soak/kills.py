"""A server that is killed or stopped at random moments: no half file, and the next start and the next run are fine."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from ..comfyui.demo import saved_files
from ..comfyui.server import ComfyServer
from .files import broken, incomplete_sets, unfinished
from .prompts import FORMATS, any_prompt
from .table import Row

LAST_MOMENT = 3.0
"""Seconds after a prompt was queued within which the server is killed; runs take about as long."""


def campaign(folder: Path, number: int, seed: int = 0) -> list[Row]:
    """`number` ends of a server, with SIGKILL and SIGTERM in turn, each while it has prompts to run."""
    rng = random.Random(seed)
    killed = Row("kills", "server killed (SIGKILL) at a random moment of sampling or saving")
    stopped = Row("kills", "server stopped (SIGTERM) at a random moment of sampling or saving")
    for i in range(number):
        row, number_of_signal = ((killed, signal.SIGKILL), (stopped, signal.SIGTERM))[i % 4 == 3]
        row.count(problem_after(folder, rng, number_of_signal))
    return [killed, stopped]


def problem_after(folder: Path, rng: random.Random, end: signal.Signals) -> str:
    """Starts a server, ends it while it runs prompts, starts it again. Returns what is wrong; empty if nothing."""
    with ComfyServer(folder) as server:
        for format in FORMATS:
            server.submit(saving(rng, format))
        time.sleep(rng.uniform(0, LAST_MOMENT))
        os.kill(server.process.pid, end)
        server.process.wait()
    if problem := broken(server.base / "output"):
        return problem
    with ComfyServer(folder) as server:
        run = server.run(saving(rng, rng.choice(FORMATS)))
        files = [server.output_path(entry) for entry in saved_files(run.outputs)]
    if run.ending != "success" or not files:
        return f"the next run ended with {run.ending}: {run.error}"
    output = server.base / "output"
    return unfinished(server.base) or broken(output) or incomplete_sets(output)


def saving(rng: random.Random, format: str) -> dict:
    """A prompt that saves in a format."""
    return any_prompt(rng, (format,), save_output=True)
