"""Many queued runs in one server: all end as they should, and nothing is left behind."""

from __future__ import annotations

import random
import time
from pathlib import Path
from statistics import median

from ..comfyui.demo import saved_files
from ..comfyui.run import Run
from ..comfyui.server import ComfyServer
from .files import unfinished
from .process import Usage, usage
from .prompts import InTurn, any_prompt
from .table import Row

WARM_UP = 10
"""Runs before which nothing is compared: all kinds of nodes and formats are loaded in them."""
CANCELLED = 0.15
"""Share of the runs that are cancelled at a random moment."""
GROWTH = 0.01
"""Resident memory may grow by this share after WARM_UP runs."""
ENDINGS = {"success", "interrupted"}


def campaign(folder: Path, number: int, seed: int = 0) -> list[Row]:
    """`number` runs of random prompts in one server."""
    with ComfyServer(folder) as server:
        return rows_of(server, number, seed)


def rows_of(server: ComfyServer, number: int, seed: int = 0, growth: float = GROWTH) -> list[Row]:
    """`number` runs of random prompts in a server; its memory may grow by the share `growth`."""
    rng = random.Random(seed)
    runs = Row("runs", "queued runs of changing nodes, sizes and formats, some cancelled")
    left = Row("runs", "nothing is left behind: memory, file handles, threads, unfinished files")
    history: list[Usage] = []
    cancelled = 0
    for i in range(number):
        run, cancels = one_run(server, InTurn(i) if i < WARM_UP else rng)
        cancelled += run.ending == "interrupted"
        runs.count(problem_of(server, run, cancels))
        history.append(usage(server.process.pid))
    settle(server)
    for problem in growth_of(history, usage(server.process.pid), growth):
        left.count(problem)
    left.count(unfinished(server.base))
    left.measured = course(history)
    runs.measured = f"{cancelled} ended as cancelled"
    return [runs, left]


def one_run(server: ComfyServer, rng: random.Random) -> tuple[Run, bool]:
    """A run, and whether it was cancelled."""
    prompt = any_prompt(rng)
    cancels = rng.random() < CANCELLED
    after = rng.randrange(1, 40)  # messages of the server

    def on_event(kind: str, data: dict) -> None:
        nonlocal after
        after -= 1
        if cancels and after == 0:
            server.interrupt()

    return server.run(prompt, seconds=600, on_event=on_event), cancels


def problem_of(server: ComfyServer, run: Run, cancelled: bool) -> str:
    """What is wrong with a run, empty if nothing: an error, an unasked ending, or files that are not there."""
    if run.ending == "interrupted" and not cancelled or run.ending not in ENDINGS:
        return f"a run ended with {run.ending or 'nothing'}: {run.error}"
    files = [server.output_path(entry) for entry in saved_files(run.outputs)]
    if run.ending == "success" and not files:
        return "a run saved no file"
    empty = [path.name for path in files if not path.is_file() or not path.stat().st_size]
    return f"empty or missing: {', '.join(empty)}" if empty else ""


def settle(server: ComfyServer) -> None:
    """Waits until the server is idle: connections are closed a moment after the last run."""
    time.sleep(3)
    server.check_alive()


def growth_of(history: list[Usage], end: Usage, growth: float) -> list[str]:
    """What has grown since the first runs, one entry each for memory, handles and threads; empty where nothing has.

    Memory is the median of ten runs, since each run leaves its own results in ComfyUI's cache.
    """
    early = history[:WARM_UP][-1]
    extra = list(end.files)
    for name in early.files:
        if name in extra:
            extra.remove(name)
    before, after = (median(use.resident for use in part) for part in (history[WARM_UP:][:10], history[-10:]))
    return [
        f"memory: {before:.0f} MB in the ten runs after {WARM_UP}, {after:.0f} MB in the last ten"
        * (after / before - 1 > growth),
        f"file handles: {', '.join(sorted(set(extra)))}" * (len(end.files) > len(early.files)),
        f"threads: {early.threads} before, {end.threads} after" * (end.threads > early.threads),
    ]


def course(history: list[Usage]) -> str:
    """The resident memory in the ten runs after WARM_UP and at later moments, and what is open at the end."""
    ends = [20, *range(100, len(history), 100), len(history)]
    texts = [f"{median(use.resident for use in history[:n][-10:]):.0f} MB to run {min(n, len(history))}" for n in ends]
    last = history[-1]
    return f"median of ten runs: {', '.join(texts)}; {len(last.files)} handles, {last.threads} threads"
