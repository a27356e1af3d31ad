"""Measures a row of a table in a process of its own, so that no row includes memory of another."""

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
RESERVED = GB
"""Bytes of the free memory that are left to Python, torch and other processes."""
TOO_LITTLE_MEMORY = 3
"""Exit code of a process whose row needs more than the free memory."""


def measure(module: str, *arguments: object) -> Any:
    """The last line that `python -m tests.benchmarks.MODULE ARGUMENTS` prints, as JSON; None with too little memory."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]
    process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if process.returncode == TOO_LITTLE_MEMORY:
        return None
    process.check_returncode()
    return json.loads(process.stdout.splitlines()[-1])


def check_memory(needed: int, row: str) -> None:
    """Exits with TOO_LITTLE_MEMORY unless `needed` bytes and RESERVED are free."""
    free = psutil.virtual_memory().available
    if free < needed + RESERVED:
        message = (
            f"{row} is skipped: it needs {(needed + RESERVED) / GB:.1f} GB of free memory, {free / GB:.1f} GB are free"
        )
        print(message, file=sys.stderr, flush=True)
        sys.exit(TOO_LITTLE_MEMORY)


def reset_peak() -> None:
    """Makes `peak` start from the current memory of this process."""
    CLEAR_REFS.write_text("5")


def peak() -> int:
    """Maximum resident memory of this process in bytes, since its start or the last `reset_peak`."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[1])
