"""`python -m tests.benchmarks` measures and prints the tables of memory and precision in tests/benchmarks/README.md.

Each row is measured in a process of its own. A row that needs more than the free memory is skipped with a message.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from . import live, loading
from .pareto.command import main as pareto
from .process import GB, measure
from .table import table
from .train_memory import KINDS

STEPS = {
    # name on the command line: precision, frames at a time
    "bf16": ("bf16", 32),
    "bf16-chunked": ("bf16", 4),
    "fp32": ("fp32", 32),
    "fp32-chunked": ("fp32", 4),
}


def steps(size: str, names: list[str]) -> None:
    """Memory and time of one call of the denoiser."""
    header = ("precision", "frames at a time", "weights", "peak of the process", "activations, computed", "seconds")
    table(header, ("---",) * 6)
    for name in names:
        precision, chunk = STEPS[name]
        if row := measure("step", size, precision, chunk):
            memory = (f"{row[key] / GB:.2f} GB" for key in ("weights", "peak", "computed"))
            table((precision, chunk, *memory, f"{row['seconds']:.0f}"))


def loads(size: str) -> None:
    """Memory and time of loading the denoiser."""
    with tempfile.TemporaryDirectory() as folder:
        paths = loading.write(size, Path(folder))
        table(("file", "in bf16", "peak of the process", "loaded", "all values read"), ("---",) * 5)
        for name, path in zip(("fp32, as downloaded", "converted to bf16"), paths, strict=True):
            row = measure("loading", path)
            memory = (f"{row[key] / GB:.2f} GB" for key in ("size", "peak"))
            table((name, *memory, f"{row['loaded']:.1f} s", f"{row['read']:.1f} s"))


def precisions() -> None:
    """PSNR of videos in half precision."""
    table(("precision", "PSNR against fp32: mean", "worst"), ("---",) * 3)
    for precision in ("fp16", "bf16"):
        values = measure("precision", precision)
        table((precision, f"{sum(values) / len(values):.1f} dB", f"{min(values):.1f} dB"))


def training_memory(size: str) -> None:
    """Memory of a training step, as forecast and as measured."""
    parts = ("frozen", "trained", "gradients", "optimizer", "average", "activations", "total")
    table(("step", *parts, "measured", "peak of the process", "seconds"), ("---",) * 11)
    for kind in KINDS:
        if row := measure("train_memory", size, kind):
            memory = (f"{row[key] / GB:.2f} GB" for key in (*parts, "measured", "peak"))
            table((kind, *memory, f"{row['seconds']:.0f}"))


def main() -> None:
    if sys.argv[1:2] == ["pareto"]:
        pareto(sys.argv[2:])
        return
    epilog = "python -m tests.benchmarks pareto --help: quality against evaluations of the network"
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__, epilog=epilog)
    parser.add_argument(
        "benchmarks",
        nargs="*",
        help=f"step, loading, precision, live, train_memory, or one of {', '.join(STEPS)}; default: the first three",
    )
    parser.add_argument("--narrow", action="store_true", help="a narrow network (train_memory: mini), for a short run")
    options = parser.parse_args()
    benchmarks, size = options.benchmarks or ["step", "loading", "precision"], "narrow" if options.narrow else "full"
    if unknown := set(benchmarks) - {"step", "loading", "precision", "live", "train_memory", *STEPS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if names := [name for name in STEPS if name in benchmarks or "step" in benchmarks]:
        steps(size, names)
    if "loading" in benchmarks:
        loads(size)
    if "precision" in benchmarks:
        precisions()
    if "live" in benchmarks:
        live.main()
    if "train_memory" in benchmarks:
        training_memory("mini" if options.narrow else "full")


if __name__ == "__main__":
    main()
