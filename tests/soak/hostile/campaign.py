"""All kinds of hostile inputs, each with its share of the cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hypothesis.strategies import SearchStrategy

from ..table import Row
from . import media, nodes, weights
from .verdict import Case, explore


def kinds_of(folder: Path) -> dict[str, tuple[float, SearchStrategy[Case]]]:
    """By a description of each kind, its share and its cases; files are written into the folder."""
    return {
        "one input of a node: widgets, pixels, shapes, conditioning, curves": (0.5, nodes.cases()),
        "files of weights: bytes, headers, metadata, bombs": (0.35, weights.cases(folder)),
        "video files: bytes, in eight containers": (0.15, media.cases(folder)),
    }


def rows_of(folder: Path, number: int) -> Iterator[list[Row]]:
    """The rows so far, after each kind."""
    rows: list[Row] = []
    for name, (share, strategy) in kinds_of(folder).items():
        rows.append(Row("hostile", name))
        explore(rows[-1], strategy, max(1, round(share * number)))
        yield rows
