"""Memory, file handles and threads of another process, as Linux states them under /proc."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """What a process holds.

    Attributes:
        resident: MB in memory (VmRSS).
        files: open file handles, by what they lead to; sockets and pipes without their numbers.
        threads: their number.
    """

    resident: float
    files: tuple[str, ...]
    threads: int


def usage(pid: int) -> Usage:
    """What the process `pid` holds now."""
    folder = Path("/proc", str(pid))
    status = (folder / "status").read_text()
    return Usage(
        resident=int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) / 1024,
        files=tuple(sorted(target for link in (folder / "fd").iterdir() if (target := _target(link)))),
        threads=int(re.search(r"^Threads:\s+(\d+)", status, re.MULTILINE)[1]),
    )


def _target(link: Path) -> str:
    """What a handle leads to; empty if it was closed by now."""
    try:
        return re.sub(r":\[\d+\]$", "", str(link.readlink()))
    except FileNotFoundError:
        return ""
