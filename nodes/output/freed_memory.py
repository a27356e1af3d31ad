"""Memory that a run has freed, given back to the system.

The C library of most Linux systems keeps what was freed for later use. Runs of changing size fragment it, so that the
process grows from run to run, although nothing is in use.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Gives back what can be; does nothing where the C library has no such function, as on Windows and macOS."""
    if trim := _malloc_trim():
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    if os.name != "posix":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
