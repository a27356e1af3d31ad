"""The table and the plot of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..table import table
from .figures import at_equal_evaluations

Row = dict[str, Any]
PLAIN = ("DDIM", "DPM-Solver++(2M)")
"""Curves of fewer steps alone, which a method has to beat at equal evaluations."""


def with_gain(rows: list[Row]) -> list[Row]:
    """The rows, each with `gain`: its PSNR above that of the better plain curve at equal evaluations, in dB."""
    curves = [[(r["evaluations"], r["psnr_released"]) for r in rows if r["curve"] == curve] for curve in PLAIN]
    extended = []
    for row in rows:
        values = [at_equal_evaluations(curve, row["evaluations"]) for curve in curves]
        known = [value for value in values if value is not None]
        gain = {"gain": row["psnr_released"] - max(known)} if known and row["curve"] not in PLAIN else {}
        extended.append(row | gain)
    return extended


def print_table(guidance: float, prompts: int, rows: list[Row], reference: Row) -> None:
    exact = "psnr_exact" in reference
    print(f"\nText guidance {guidance:g}, {prompts} prompts\n")
    header = ("", "evaluations", "fewer by", "times as fast: wall, CPU", "PSNR, mean (worst)", "above fewer steps")
    header += ("PSNR to 1,000 steps",) if exact else ()
    header += ("distance x 1,000", "object", "direction", "miss of motion")
    table(header, ("---",) * len(header))
    for row in rows:
        wall = f"{row['wall_ratio']:.1f}, " if "wall_ratio" in row else ""
        cells = (row["name"], f"{row['evaluations']:.1f}", f"{reference['evaluations'] / row['evaluations']:.1f}")
        cells += (f"{wall}{reference['cpu'] / row['cpu']:.1f}",)
        same = row["name"] == reference["name"]
        cells += ("" if same else f"{row['psnr_released']:.1f} ({row['worst_psnr_released']:.1f})",)
        cells += (f"{row['gain']:+.1f} dB" if "gain" in row else "",)
        cells += (f"{row['psnr_exact']:.1f}",) if exact else ()
        cells += ("" if same else f"{1000 * row['distance_released']:.2f}",)
        table((*cells, f"{row['object']:.3f}", f"{row['direction']:.3f}", f"{row['miss']:.1f}"))


def plot(results: dict[str, Any], path: Path) -> None:
    """PSNR to the released procedure over evaluations, one panel for each scale of the text guidance."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    panels = results["guidance"]
    figure, axes = pyplot.subplots(1, len(panels), figsize=(6.5 * len(panels), 5), squeeze=False)
    for axis, (guidance, part) in zip(axes[0], panels.items(), strict=True):
        curves: dict[str, list[Row]] = {}
        for row in part["rows"]:
            if row["name"] != part["reference"]["name"]:
                curves.setdefault(row["curve"], []).append(row)
        for curve, rows in curves.items():
            rows = sorted(rows, key=lambda row: row["evaluations"])
            x, y = ([row[key] for row in rows] for key in ("evaluations", "psnr_released"))
            (line,) = axis.plot(x, y, marker="o", markersize=4, label=curve)
            worst = [row["worst_psnr_released"] for row in rows]
            axis.plot(x, worst, linestyle=":", linewidth=1, color=line.get_color())
        axis.set(xscale="log", xlabel="network evaluations", ylabel="PSNR to the released procedure, dB")
        axis.set_title(f"mini, text guidance {guidance}, {part['prompts']} prompts (dotted: worst)", fontsize=10)
        axis.set_xticks(ticks := [10, 15, 20, 30, 50, 100, 150], [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
