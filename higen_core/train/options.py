"""From a TOML file and the command line to the dataclass of a training. Flags win over the file."""

from __future__ import annotations

import argparse
import sys
import types
import typing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from ..aliases import ALIASES, renamed
from ..text_file import read_text
from .config import ClipOptions, LoopConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Config = TypeVar("Config", bound="LoopConfig | ClipOptions")
METAVARS: dict[type, str] = {Path: "PATH", float: "X", int: "N", str: "TEXT"}


def shipped_configs() -> dict[str, Path]:
    """The TOML files of this package and of the data sets that are installed, by name."""
    folder = Path(__file__).parent
    return {path.stem: path for path in sorted([*folder.glob("configs/*.toml"), *folder.glob("*/configs/*.toml")])}


def add_flags(parser: argparse.ArgumentParser, kind: type[Any]) -> None:
    """Adds --config and a flag for every option; what is not given stays out of the result.

    Flags of earlier versions are understood, but not listed.
    """
    add_config_flag(parser)
    own = parser.add_argument_group("options of this training")
    common = parser.add_argument_group("options of all trainings")
    for name, types_ in _options(kind).items():
        field = kind.__dataclass_fields__[name]
        help = field.metadata["help"].replace("%", "%%")
        if field.default not in (MISSING, None, (), "") and field.default is not False:
            help += f" ({field.default})"
        many: dict[str, Any] = {"nargs": "+"} if tuple in types_ else {}
        settings: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
        if bool in types_:
            settings |= {"action": argparse.BooleanOptionalAction}
        else:
            parse = str if tuple in types_ else next(t for t in METAVARS if t in types_)
            settings |= many | {"type": parse, "metavar": METAVARS[parse]}
        group = common if name in LoopConfig.__dataclass_fields__ else own
        group.add_argument(_flag(name), help=help, **settings)
        for old in (old for old, new in ALIASES.items() if new == name):
            group.add_argument(_flag(old), help=argparse.SUPPRESS, **settings)


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    shipped = ", ".join(shipped_configs())
    parser.add_argument("--config", type=Path, metavar="FILE", help=f"TOML file of options, or one of {shipped}")


def read_config(kind: type[Config], path: Path | None, flags: dict[str, Any]) -> Config:
    """The options in a file (None: without one) and in flags, of both also under names of earlier versions.

    Raises:
        ValueError: an option is unknown, missing or of the wrong type; the message has the file's name.
        FileNotFoundError: there is no such file.
    """
    options = _options(kind)
    values, flags = renamed(read_toml(path) if path else {}, options), renamed(flags, options)
    for source, given in ((str(path), values), ("flags", flags)):
        if unknown := sorted(set(given) - set(options)):
            raise ValueError(f"{source}: unknown option {unknown[0]!r}; options are {', '.join(sorted(options))}")
    merged = values | flags
    missing = [f.name for f in fields(kind) if f.default is MISSING and f.name not in merged]
    if missing:
        raise ValueError(f"{missing[0]} is neither in {path or 'a --config file'} nor given as {_flag(missing[0])}")
    return kind(**{name: _typed(name, value, options[name]) for name, value in merged.items()})


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a file; a name without an ending is that of a file that ships."""
    shipped = shipped_configs()
    path = path if path.suffix else shipped.get(str(path), path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; there are {', '.join(shipped)} and your own .toml files. Configs of data "
            "sets that are not part of the installed pack are in the project's repository under higen_core/train/"
        )
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _options(kind: type[Any]) -> dict[str, tuple[type, ...]]:
    """The names of the options, with the types that their values may have."""
    hints = typing.get_type_hints(kind)
    return {field.name: _types(hints[field.name]) for field in fields(kind)}


def _types(hint: Any) -> tuple[type, ...]:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return tuple(typing.get_origin(part) or part for part in parts)


def _typed(name: str, value: Any, allowed: tuple[type, ...]) -> Any:
    """Converts strings to paths, lists to tuples and integers to floats; refuses every other type, also 1.0 for 1."""
    if isinstance(value, str) and Path in allowed:
        return Path(value)
    if isinstance(value, list) and tuple in allowed and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    if type(value) is int and float in allowed:
        return float(value)
    if isinstance(value, allowed) and isinstance(value, bool) == (bool in allowed):
        return value
    kinds = " or ".join(
        "a list of texts" if kind is tuple else kind.__name__ for kind in allowed if kind is not type(None)
    )
    raise ValueError(f"{name} must be {kinds}, got {value!r}")
