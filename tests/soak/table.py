"""The result of the campaign: rows of cases, as a table in Markdown and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

import psutil

HEADER = "| part | cases | number | as they should | what was measured |\n|---|---|---|---|---|"


@dataclass
class Row:
    """One kind of cases.

    Attributes:
        part: of the campaign.
        cases: what was done.
        number: how often.
        passed: how many of these went as they should.
        measured: figures, in a few words.
        findings: what went wrong, one entry a case.
    """

    part: str
    cases: str
    number: int = 0
    passed: int = 0
    measured: str = ""
    findings: list[str] = field(default_factory=list)

    def count(self, problem: str = "") -> None:
        """Adds a case; `problem` is what was wrong, empty if nothing."""
        self.number += 1
        if problem:
            self.findings.append(problem)
        else:
            self.passed += 1


def machine() -> str:
    """The machine, in words."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB RAM, Linux, CPU only"


def markdown(rows: Sequence[Row]) -> str:
    """The table, and below it what went wrong."""
    lines = [f"{date.today()}, {machine()}", "", HEADER]
    lines += [f"| {r.part} | {r.cases} | {r.number} | {r.passed} | {r.measured} |" for r in rows]
    findings = [f"- {r.part}, {r.cases}: {finding}" for r in rows for finding in r.findings]
    return "\n".join(lines + ([""] + findings if findings else []))


def read_json(path: Path) -> list[Row]:
    """The rows of a file that `write_json` wrote."""
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """Writes all rows with the date and the machine."""
    content = {"date": str(date.today()), "machine": machine(), "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
