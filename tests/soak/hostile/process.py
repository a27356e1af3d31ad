"""`python -m tests.soak.hostile.process --number N --json FILE`: hostile inputs in a process with ComfyUI."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import tests

from ...comfyui.paths import ROOT
from ..table import write_json


def enter_pack(option: str = "cpu") -> None:
    """Makes the pack and ComfyUI importable, as the tests' conftest does; `option` is for `enter_comfyui`."""
    tests.__path__ = [str(ROOT / "tests")]  # the conftest removes the root, in which it would be looked for
    from ... import conftest  # noqa: F401
    from ...comfyui.inprocess import enter_comfyui

    enter_comfyui(option)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    enter_pack()
    from .campaign import rows_of

    with tempfile.TemporaryDirectory(prefix="higen-soak-") as folder:
        for rows in rows_of(Path(folder), options.number):
            write_json(options.json, rows)


if __name__ == "__main__":
    main()
