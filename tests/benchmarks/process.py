"""A row of a table is measured in a process of its own, so that none inherits the memory of another."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from ..comfyui.paths import ROOT

GB = 2**30
STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")  # Linux
SPARE = GB  # of the free memory, for Python, torch and whatever else the machine does


NO_ROOM = 3  # exit code


def measure(module: str, *arguments: object) -> Any:
    """What `python -m tests.benchmarks.MODULE ARGUMENTS` prints last, as JSON; None if it had too little room."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if ended.returncode == NO_ROOM:
        return None
    ended.check_returncode()
    return json.loads(ended.stdout.splitlines()[-1])


def check_room(needed: int, what: str) -> None:
    """Ends this process if `needed` bytes would not fit into the free memory with SPARE left."""
    free = psutil.virtual_memory().available
    if free < needed + SPARE:
        message = (
            f"{what} is left out: it needs {(needed + SPARE) / GB:.1f} GB of free memory, {free / GB:.1f} GB are free"
        )
        print(message, file=sys.stderr, flush=True)
        sys.exit(NO_ROOM)


def forget_peak() -> None:
    """Lets `peak` count from what this process has in memory now."""
    CLEAR_REFS.write_text("5")


def peak() -> int:
    """Bytes that this process had in memory at most, since its start or the last `forget_peak`."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[1])
