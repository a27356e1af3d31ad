"""Weights on disk: what a file holds, and its tensors one after another, so that it is never in memory whole.

Read are safetensors and what torch.save writes (.pth, .bin, .ckpt, .pt), bare or under `state_dict`. The content
decides, not the name. No pickle can run code: torch reads them with `weights_only`.
"""

from __future__ import annotations

import json
import math
import pickle
import re
import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

SLAB = 2**27
"""Numbers that are mapped at a time, 512 MB of fp32."""


@dataclass(frozen=True)
class WeightsFile:
    """A file of tensors. `metadata` is empty for all formats but safetensors."""

    path: Path
    format: str  # "safetensors", "zip" (torch.save since 1.6) or "pickle" (before)
    shapes: Shapes
    metadata: dict[str, Any]

    def tensors(self, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """Names and tensors, the latter mapped from the file: a caller that wants to own the numbers copies them.

        The file is mapped anew for every SLAB: what was read counts as resident memory while its mapping lives.
        """
        for slab in self._slabs(names):
            mapped = self._map(slab)
            while mapped:
                yield mapped.popitem()

    def _slabs(self, names: Iterable[str]) -> Iterator[list[str]]:
        slab, size = [], 0
        for name in names:
            slab.append(name)
            size += math.prod(self.shapes[name])
            if size > SLAB and self.format != "pickle":  # those cannot be mapped; reading one twice would cost more
                yield slab
                slab, size = [], 0
        yield slab

    def _map(self, names: list[str]) -> dict[str, Tensor]:
        if self.format == "safetensors":
            from safetensors import safe_open

            with safe_open(self.path, "pt") as file:
                return {name: file.get_tensor(name) for name in names}
        tensors = _unpickled(self.path, self.format)
        return {name: tensors[name] for name in names}


def open_weights(path: str | Path) -> WeightsFile:
    """Reads names, shapes and metadata.

    Raises FileNotFoundError, or ValueError for a file that is no set of tensors, is cut off, or is a pickle with code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    format = _format(path)
    if format == "safetensors":
        return _open_safetensors(path)
    tensors = _unpickled(path, format)
    return WeightsFile(path, format, {name: tuple(value.shape) for name, value in tensors.items()}, {})


def _format(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if head[:2] == b"PK":
        if not zipfile.is_zipfile(path):
            raise _cut_off(path)
        return "zip"
    if head[8:9] == b"{":
        return "safetensors"
    if head[:1] == b"\x80":
        return "pickle"
    what = "empty" if not head else "not a file of weights"
    if head.startswith(b"version https://git-lfs"):
        what = "a Git LFS pointer, not the weights it points to"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        what = "a web page, not weights: the download went wrong"
    raise ValueError(f"{path} is {what}")


def _open_safetensors(path: Path) -> WeightsFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = {key: _json(value) for key, value in (file.metadata() or {}).items()}
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise _cut_off(path) from error
    return WeightsFile(path, "safetensors", shapes, metadata)


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value  # other writers keep plain text in metadata


def _unpickled(path: Path, format: str) -> dict[str, Tensor]:
    """The tensors of a pickle, mapped where the format allows it."""
    try:
        with torch.serialization.safe_globals(_STAND_INS):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=format == "zip")
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        if not found:
            raise _cut_off(path) from error
        raise ValueError(
            f"{path} is refused: it is a pickle that asks to run code ({found[1]}). Get its safetensors version"
        ) from error
    except (RuntimeError, EOFError, LookupError, struct.error) as error:
        raise ValueError(f"{path} is damaged, or no set of tensors: {str(error).partition(chr(10))[0]}") from error
    if isinstance(content, dict):
        content = content.get("state_dict", content)
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not tensors by name")
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _cut_off(path: Path) -> ValueError:
    size = path.stat().st_size / 1e6
    return ValueError(f"{path} is cut off or damaged ({size:,.1f} MB are here): download it again")


def _stand_in(name: str) -> type:
    """A class under the name of one that trainers put beside the tensors. It takes anything and does nothing."""
    module, _, kind = name.rpartition(".")
    nothing = {
        "__module__": module,
        "__new__": lambda cls, *_, **__: object.__new__(cls),
        "__init__": lambda self, *_, **__: None,
        "__setstate__": lambda self, _: None,
    }
    return type(kind, (), nothing)


_STAND_INS: list[Any] = [
    _stand_in("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
    _stand_in("numpy.core.multiarray.scalar"),
    _stand_in("numpy._core.multiarray.scalar"),
    _stand_in("numpy.dtype"),
    _stand_in("_codecs.encode"),
]
"""What Stable Diffusion's checkpoints hold beside their tensors."""
