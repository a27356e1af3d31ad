"""`python -m tests.soak [PART ...] [--runs N]`: the campaign, with a table of its result. See README.md beside this file.

The number N is that of queued runs; the other parts scale with it: 2 N hostile inputs, N / 5 kills.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the machine is shared with the servers that are started

from ..comfyui.server import stop_on_sigterm  # noqa: E402
from . import runs  # noqa: E402
from .table import Row, markdown, write_json  # noqa: E402

PARTS = {
    "runs": lambda folder, number: runs.campaign(folder, number),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--runs", type=int, default=500, help="number of queued runs (default: %(default)s)")
    parser.add_argument("--json", type=Path, default=Path("soak.json"), help="file of the result (default: %(default)s)")
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
