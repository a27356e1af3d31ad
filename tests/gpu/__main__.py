"""`python -m tests.gpu` checks and measures HiGen on a GPU, in under ten minutes and without network.

It compares every network with the CPU in each precision, measures both stages and the decoder of the released layout
with random weights, samples mini, and runs the nodes under ComfyUI's options for memory where there is a ComfyUI. It
prints tables and writes JSON. It exits with 1 if a result is further from that of the CPU than it may be, or if a part
fails: of the errors of torch, only a lack of memory and an attention that the device does not have are no findings.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import torch

from ..benchmarks.table import table
from . import accuracy, nodes, stages, whole
from .meter import Row, Setting

LIMIT = 600
"""Seconds after which no further part is started."""


def shown(name: str, value: object) -> object:
    """A value in a cell of the table."""
    if name in ("bytes", "planned", "released_peak_bytes"):
        return f"{value / 2**30:.2f} GB"
    if name.endswith("seconds") or name == "first":
        return f"{value:.3g} s"
    return (
        f"{value:.2g}" if name.startswith("error_") or name == "bar" else f"{value:.1f} dB" if name == "psnr" else value
    )


def print_table(title: str, rows: list[Row]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    print(f"\n{title}\n")
    table(columns, ("---",) * len(columns))
    table(*([shown(name, row[name]) if name in row else "" for name in columns] for row in rows))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", help="device of torch (%(default)s)")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, to test the command itself, also on a CPU")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), help="file of the result (%(default)s)")
    options = parser.parse_args(arguments)
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("torch finds no CUDA device. To test this command without one: --device cpu --tiny")
    setting, start = Setting.of(options.device, options.tiny), time.monotonic()
    machine = {"device": setting.name, "torch": torch.__version__, "cuda": torch.version.cuda}
    result = {"machine": machine | {"python": platform.python_version()}, "tiny": options.tiny, "parts": {}}
    print(f"{setting.name}, torch {torch.__version__}")
    exact = whole.mini_on_cpu(setting)
    parts: dict[str, tuple[str, Iterable[Row]]] = {
        "accuracy": ("One call against the CPU in fp32", accuracy.rows(setting)),
        "mini": ("Mini, from the prompt to the frames", whole.mini(setting, exact)),
        "stages": ("A guided step of the released layout, random weights", stages.rows(setting)),
        "decoding": ("Decoding a clip, released layout", whole.decoding(setting)),
        "nodes": ("The nodes under ComfyUI's options", nodes.rows(setting, exact)),
    }
    for name, (title, part) in parts.items():
        if time.monotonic() - start > LIMIT:
            rows = [{"error": f"not started: {LIMIT} s are over"}]
        else:
            rows = list(part)
        result["parts"][name] = rows
        print_table(title, rows)
        result["seconds"] = round(time.monotonic() - start, 1)
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    findings = [row for rows in result["parts"].values() for row in rows if row.get("ok") is False]
    print(f"\n{result['seconds']} s, {len(findings)} findings; the result is in {options.json}")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
