"""Data sets that plug in: packages beside this one with options, data and losses of their own, found by name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = __name__.rsplit(".", 2)[0]
"""The package that holds the plug-ins: higen_core.train, or what it is called inside ComfyUI."""


@dataclass(frozen=True)
class Training:
    """A training of the command line.

    Attributes:
        config: its options.
        main: "module:function" that takes the config; a module with a leading dot is relative to that of the config.
            It is imported when the training starts, so that `--help` is quick.
        help: a few words for `--help`.
        forecast: like main; prints the forecast of the memory. "": there is none.
    """

    config: type[Any]
    main: str
    help: str
    forecast: str = ""

    def run(self, config: Any) -> None:
        self._call(self.main, config)

    def show_forecast(self, config: Any) -> None:
        """Prints how much memory `run` would need."""
        self._call(self.forecast, config)

    def _call(self, name: str, config: Any) -> None:
        module, _, function = name.partition(":")
        getattr(import_module(module, self.config.__module__.rpartition(".")[0]), function)(config)


def plugin(data: str) -> ModuleType | None:
    """The package of the data set `data`, which has `TRAININGS: dict[str, Training]`; None for files and folders.

    Raises:
        ValueError: `data` is a bare name, but neither a file or folder nor a data set that is installed.
    """
    if not data or Path(data).name != data or Path(data).suffix or Path(data).exists():
        return None
    module = _package(data)
    if not hasattr(module, "TRAININGS"):
        raise ValueError(
            f"data = {data!r} is neither a file or folder here nor an installed data set. Data sets that are not part "
            f"of the installed pack are in the project's repository under higen_core/train/. data may be a folder of "
            f"videos, a .csv or .jsonl, WebDataset shards (.tar){_installed()}"
        )
    return module


def _package(name: str) -> ModuleType | None:
    """The package beside this one, if it has an __init__.py."""
    spec = find_spec(f"{PACKAGE}.{name}") if name.isidentifier() else None
    is_package = spec is not None and spec.origin is not None and spec.submodule_search_locations is not None
    return import_module(f"{PACKAGE}.{name}") if is_package else None


def _installed() -> str:
    """ ", or " and the names of the plug-ins; empty without one."""
    folders = sorted(path.parent.name for path in Path(__file__).parents[1].glob("*/__init__.py"))
    names = [name for name in folders if hasattr(_package(name), "TRAININGS")]
    return f", or {', '.join(names)}" if names else ""
