"""From a TOML file and the command line to a training's dataclass. Flags win over the file."""

from __future__ import annotations

import argparse
import sys
import types
import typing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from .config import LoopConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIGS = Path(__file__).parent / "configs"
SHIPPED = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.toml")))
Training = TypeVar("Training", bound=LoopConfig)


def add_flags(parser: argparse.ArgumentParser, kind: type[LoopConfig]) -> None:
    """--config, and a flag for every knob; what is not given stays out of the result."""
    parser.add_argument("--config", type=Path, help=f"TOML file of knobs, or one of {SHIPPED}")
    for name, types_ in _knobs(kind).items():
        field = kind.__dataclass_fields__[name]
        told = field.metadata["help"].replace("%", "%%")
        if field.default not in (MISSING, None, ()):
            told += f" ({field.default!r})"
        many: dict[str, Any] = {"nargs": "+"} if tuple in types_ else {}
        parse = str if tuple in types_ else next(t for t in (Path, float, int, str) if t in types_)
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=parse, default=argparse.SUPPRESS, help=told, **many)


def read_config(kind: type[Training], path: Path | None, flags: dict[str, Any]) -> Training:
    """Raises ValueError for a key that is unknown, missing or of the wrong type, and says which file it is in."""
    values = _read(path) if path else {}
    knobs = _knobs(kind)
    for where, given in ((str(path), values), ("flags", flags)):
        if unknown := sorted(set(given) - set(knobs)):
            raise ValueError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(knobs))}")
    merged = values | flags
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.name not in merged]
    if needed:
        raise ValueError(f"{needed[0]} is neither in {path or 'a --config file'} nor given as --{needed[0]}")
    return kind(**{name: _typed(name, value, knobs[name]) for name, value in merged.items()})


def _read(path: Path) -> dict[str, Any]:
    """A name without an ending is that of a file that ships."""
    if not path.suffix:
        path = CONFIGS / f"{path}.toml"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; there are {SHIPPED} and your own .toml files")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error


def _knobs(kind: type[LoopConfig]) -> dict[str, tuple[type, ...]]:
    """Name -> the types that its value may have."""
    hints = typing.get_type_hints(kind)
    return {field.name: _types(hints[field.name]) for field in fields(kind)}


def _types(hint: Any) -> tuple[type, ...]:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return tuple(typing.get_origin(part) or part for part in parts)


def _typed(name: str, value: Any, allowed: tuple[type, ...]) -> Any:
    """What TOML has another type for is converted; what it says wrongly is refused, 1.0 for 1 included."""
    if isinstance(value, str) and Path in allowed:
        return Path(value)
    if isinstance(value, list) and tuple in allowed:
        return tuple(value)
    if type(value) is int and float in allowed:
        return float(value)
    if isinstance(value, allowed) and not isinstance(value, bool):
        return value
    kinds = " or ".join(kind.__name__ for kind in allowed if kind is not type(None))
    raise ValueError(f"{name} must be {kinds}, got {value!r}")
