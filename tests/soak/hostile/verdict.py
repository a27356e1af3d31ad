"""What counts as right for a hostile input: a clear error that names it, or a right result; in time and in memory."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from ...benchmarks.process import peak, reset_peak
from ..table import Row

CLEAR = (ValueError, FileNotFoundError)
SECONDS = 120
"""After which a case counts as a hang; far more than any takes."""
BATCH = 10
"""Cases of one search."""
MEMORY = 2**30
"""Bytes by which a case may raise the peak of the process."""


class HangError(BaseException):
    """Not an Exception, so that no code under test catches it."""


@dataclass(frozen=True)
class Case:
    """A hostile input.

    Attributes:
        text: what it is, for the list of findings.
        names: an error is clear if its message contains one of them: the input's name, or the file's.
        act: passes it on.
        is_right: whether a result is right, where there is no error.
    """

    text: str
    names: tuple[str, ...]
    act: Callable[[], Any]
    is_right: Callable[[Any], bool] = lambda result: True


class Verdict(NamedTuple):
    """How a case ends, "clear error" or "right result", and what is wrong with it; that is empty if nothing is."""

    ending: str
    problem: str = ""


def verdict(case: Case) -> Verdict:
    """Passes a hostile input on and judges how it ends."""
    before = _reset_peak()
    ending, problem = "clear error", ""
    try:
        with _bounded():
            problem = "" if case.is_right(case.act()) else "a wrong result"
            ending = "right result"
    except HangError:
        problem = f"it did not end within {SECONDS} s"
    except Exception as error:  # what it is, is the question
        problem = "" if is_clear(error, case.names) else f"{type(error).__name__}: {str(error)[:200]}"
    if not problem and before and peak() > before + MEMORY:
        problem = f"it took {(peak() - before) / 2**30:.1f} GB"
    return Verdict(ending, f"{case.text}: {problem}" if problem else "")


def is_clear(error: Exception, names: tuple[str, ...]) -> bool:
    """Whether an error is one for the user, and says which input or file it is about."""
    return isinstance(error, CLEAR) and any(name in str(error) for name in names)


def explore(row: Row, strategy: SearchStrategy[Case], number: int) -> None:
    """Adds the verdicts of `number` cases to a row, always the same ones.

    Hypothesis varies what it has drawn, so that the cases of a long search are alike; short ones begin anew.
    """
    endings: Counter[str] = Counter()
    for start in range(0, number, BATCH):
        _explore(row, strategy, min(BATCH, number - start), start, endings)
    row.measured = ", ".join(f"{ending}s: {count}" for ending, count in sorted(endings.items()))


def _explore(row: Row, strategy: SearchStrategy[Case], number: int, first: int, endings: Counter[str]) -> None:
    @seed(first)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def judge(case: Case) -> None:
        ending, problem = verdict(case)
        endings[ending] += not problem
        row.count(problem)

    judge()


def _reset_peak() -> int:
    if not Path("/proc/self/clear_refs").exists():
        return 0
    reset_peak()
    return peak()


@contextmanager
def _bounded() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
