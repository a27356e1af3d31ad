"""`python -m tests.soak [PART ...] [--runs N]`: the campaign, with a table as its result. See README.md beside it."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # each server, and there is one at a time beside this process

from ..comfyui.paths import ROOT  # noqa: E402
from ..comfyui.server import stop_on_sigterm  # noqa: E402
from . import clients, disk, kills, runs, training  # noqa: E402
from .hostile import through_server  # noqa: E402
from .table import Row, markdown, read_json, write_json  # noqa: E402

PARTS = {
    "runs": lambda folder, n: runs.campaign(folder, n),
    "hostile": lambda folder, n: (
        in_process(folder, n * 17 // 10) + through_server.campaign(folder / "server", n * 3 // 10)
    ),
    "kills": lambda folder, n: kills.campaign(folder / "server", n // 5),
    "disk": lambda folder, n: disk.campaign(folder / "server", n // 10),
    "training": lambda folder, n: training.campaign(folder / "training", n // 20),
    "clients": lambda folder, n: clients.campaign(folder / "server", n // 20),
}
"""The parts, each with a folder and the number of queued runs of the whole campaign, which all numbers go with."""


def in_process(folder: Path, number: int) -> list[Row]:
    """Hostile inputs in a process of their own; one that ends it is a finding."""
    result = folder / "hostile.json"
    command = [sys.executable, "-m", "tests.soak.hostile.process", "--number", str(number), "--json", str(result)]
    process = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    rows = read_json(result) if result.exists() else []
    if process.returncode:
        ended = Row("hostile", "the process that reads hostile inputs")
        ended.count(f"it ended with {process.returncode}: {process.stderr[-500:]}")
        rows.append(ended)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--runs", type=int, default=500, help="queued runs; other numbers go with it (%(default)s)")
    parser.add_argument("--json", type=Path, default=Path("soak.json"), help="file of the result (%(default)s)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    stop_on_sigterm()
    rows: list[Row] = []
    for part in options.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix=f"higen-soak-{part}-") as folder:
            rows += PARTS[part](Path(folder), options.runs)
        print(markdown(rows), flush=True)
        write_json(options.json, rows)
    sys.exit(any(row.findings for row in rows))


if __name__ == "__main__":
    main()
