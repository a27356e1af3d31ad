"""`python -m tests.benchmarks pareto`: quality against evaluations of the network, on mini.

The references are the released procedure (DDIM, 50 steps, guidance) and, on some of the prompts, 1,000 steps. Beside
them are DDIM and DPM-Solver++ with fewer steps, and the methods of `hg.Acceleration`. What was sampled is kept in a
folder, so that an interrupted run continues and more prompts cost no more than those.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from higen_core.train.sprites.evaluation.benchmark import Model

from ..process import measure
from ..table import table
from .cases import Case, cases
from .figures import figures_of, summary
from .released import FRAMES
from .report import plot, print_table, with_gain
from .sampling import Sample, Sampler, Way, plain
from .ways import all_ways

FOLDER = Path(__file__).parents[1]


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks pareto", description=__doc__)
    add = parser.add_argument
    add("--prompts", type=int, default=32, help="held-out prompts (%(default)s)")
    add("--exact", type=int, default=4, help="of these, prompts that are sampled in 1,000 steps too (%(default)s)")
    add("--text-guidance", type=float, nargs="*", help="scales of the text guidance; default: that of the weights")
    add("--reference-steps", type=int, nargs=2, default=(50, 1000), help="of the two references (%(default)s)")
    add("--only", default="", help="a regular expression: of all ways, those with such a name")
    add("--timed", type=int, default=1, help="prompts that wall clocks are measured on, all in this run (%(default)s)")
    add("--released", action="store_true", help="time and memory of the released layout, random weights, alone")
    add("--cache", type=Path, required=True, help="folder for what was sampled, outside of the repository")
    add(
        "--kept", action="store_true", help="sample nothing: figures of what the folder has, on the prompts of each way"
    )
    add("--out", type=Path, default=FOLDER / "pareto.json", help="the result; its plot is beside it (%(default)s)")
    return parser.parse_args(arguments)


def compare(sampler: Sampler, chosen: list[Case], ways: list[Way], options: argparse.Namespace) -> dict[str, Any]:
    """The rows of one scale of the guidance, the reference first."""
    if options.kept:
        ways = [way for way in ways if any(sampler.is_kept(case, way) for case in chosen)]
        chosen = [case for case in chosen if all(sampler.is_kept(case, way) for way in [sampler.released, *ways])]
    rows, walls = [], wall_ratios(sampler, chosen[: options.timed], ways)
    found = {case: references(sampler, case, options) for case in chosen}
    for way in tqdm([sampler.released, *ways], desc=f"guidance {sampler.guidance:g}", unit="way"):
        measured = [figures_of(sampler.model, case, sampler.video(case, way), found[case]) for case in chosen]
        rows.append({"name": way.name, "curve": way.curve} | summary(measured) | walls.get(way, {}))
    return {"prompts": len(chosen), "reference": rows[0], "rows": with_gain(rows)}


def references(sampler: Sampler, case: Case, options: argparse.Namespace) -> dict[str, Sample]:
    """The videos that the others of this case are compared with."""
    exact, found = plain("ddim", options.reference_steps[1]), {"released": sampler.video(case, sampler.released)}
    wanted = case.number < options.exact and sampler.guidance == sampler.info.sampling.video_guidance
    if wanted and (not options.kept or sampler.is_kept(case, exact)):
        found["exact"] = sampler.video(case, exact)
    return found


def wall_ratios(sampler: Sampler, timed: list[Case], ways: list[Way]) -> dict[Way, dict[str, float]]:
    """How many times as fast as the released procedure each way is, by the wall clock from prompt to frames: prior,
    video, decoding. All are sampled anew, in turn, so that they meet the same machine; medians over the prompts."""
    seconds: dict[Way, list[float]] = {}
    for case in timed:
        prior = sampler.sample_prior(case)[1]  # not the one that was kept, which met another machine
        whole = prior + sum(sampler.sample(case, sampler.released).seconds)
        for way in ways:
            seconds.setdefault(way, []).append(whole / (prior + sum(sampler.sample(case, way).seconds)))
    return {way: {"wall_ratio": statistics.median(ratios)} for way, ratios in seconds.items()}


def released() -> list[dict[str, Any]]:
    """Calls of the released layout with random weights, beside ModelScopeT2V of diffusers where it is there."""
    rows = []
    for precision in ("fp32", "bf16"):
        for network in ("higen", "modelscope"):
            if row := measure("pareto.released", network, precision):
                rows.append({"network": network, "precision": precision} | row)
    times = [name for n in FRAMES for name in (f"frames: {n}", "of the processor", "at the rate of a matrix product")]
    header = ("network", "precision", "parameters", *times, "peak of the process")
    table(header, ("---",) * len(header))
    for row in rows:
        table((row["network"], row["precision"], *([row["error"]] if "error" in row else cells(row))))
    return rows


def cells(row: dict[str, Any]) -> list[str]:
    """Parameters, the times of each number of frames, and memory."""
    times = [
        f"{seconds:.2f} s"
        for call in row["calls"].values()
        for seconds in (call["seconds"], call["cpu"], call["operations"] / row["product_rate"])
    ]
    return [f"{row['parameters'] / 1e9:.2f} G", *times, f"{row['peak'] / 2**30:.2f} GB"]


def main(arguments: list[str] | None = None) -> None:
    options = parsed(arguments)
    if options.released:
        options.out.write_text(json.dumps({"released": released()}, indent=1) + "\n")
        return
    model, chosen = Model.load("mini"), cases(options.prompts)
    ways = [way for way in all_ways(model.unet.info) if re.search(options.only, way.name)]
    results: dict[str, Any] = {"weights": f"mini, training step {model.unet.info.steps}", "guidance": {}}
    for scale in options.text_guidance or [None]:
        sampler = Sampler(model, options.cache, scale, plain("ddim", options.reference_steps[0]))
        part = compare(sampler, chosen, ways, options)
        results["guidance"][f"{sampler.guidance:g}"] = part
        print_table(sampler.guidance, part["prompts"], part["rows"], part["reference"])
        options.out.write_text(json.dumps(results, indent=1) + "\n")
    plot(results, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main(sys.argv[1:])
