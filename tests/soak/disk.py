"""A small file system of its own as the output folder, full at one stage after the other."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..comfyui.server import ComfyServer
from .files import broken, incomplete_sets, unfinished
from .kills import saving
from .prompts import FORMATS
from .table import Row

SIZE = 4 * 2**20
"""Bytes of the file system."""
FREE = (0, 4_096, 16_384, 65_536, 262_144)
"""Bytes that are left on it, from none to nearly enough."""
FULL = "No space left"


def can_mount() -> bool:
    """Whether this process may mount a file system."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


@contextmanager
def small_disk(folder: Path, size: int = SIZE) -> Iterator[Path]:
    """A file system in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "soak", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, free: int) -> Path:
    """Writes a file that leaves so many bytes; returns it."""
    filler = disk / "filler.bin"
    filler.unlink(missing_ok=True)
    state = os.statvfs(disk)
    filler.write_bytes(bytes(max(0, state.f_bavail * state.f_frsize - free)))
    return filler


def campaign(folder: Path, number: int, seed: int = 0) -> list[Row]:
    """`number` runs in one server whose output folder is full at some moment of saving."""
    row = Row("kills", "disk full at a stage of saving, in each format; then a run with room")
    if not can_mount():
        row.measured = "left out: mounting a file system needs root"
        return [row]
    rng = random.Random(seed)
    with small_disk(folder / "output") as disk, ComfyServer(folder) as server:
        for i in range(number):
            row.count(problem_of(server, disk, rng, FORMATS[i % len(FORMATS)], FREE[i // len(FORMATS) % len(FREE)]))
    return [row]


def problem_of(server: ComfyServer, disk: Path, rng: random.Random, format: str, free: int) -> str:
    """What is wrong with a run on a full disk and with one after room was made; empty if nothing."""
    filler = fill(disk, free)
    what = f"{format} with {free} bytes free: "
    run = server.run(saving(rng, format))
    if run.ending == "error" and FULL not in run.error:
        return what + run.error
    if problem := broken(disk) or incomplete_sets(disk) or unfinished(disk):
        return what + problem
    filler.unlink()
    again = server.run(saving(rng, format))
    problem = broken(disk) or unfinished(disk)
    for path in disk.rglob("*video_*"):
        path.unlink()
    return (
        what + (problem or f"with room, {again.ending}: {again.error}") if problem or again.ending != "success" else ""
    )
