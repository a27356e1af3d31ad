"""Reads files of weights tensor by tensor, so that a file is never in memory as a whole.

Formats are safetensors and those of torch.save (.pth, .bin, .ckpt, .pt), the latter with or without a `state_dict` key.
The format is detected from the content, not from the file name. Pickles cannot run code: torch reads them with
`weights_only`.
"""

from __future__ import annotations

import json
import math
import pickle
import re
import threading
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
CHUNK_SIZE = 2**27
"""Elements of the tensors that are mapped into memory at a time, 512 MB of fp32."""


@dataclass(frozen=True)
class WeightsFile:
    """A file of tensors.

    Attributes:
        path: of the file.
        format: "safetensors", "zip" (torch.save since version 1.6) or "pickle", which cannot be mapped (torch.save
            before, and a zip under the name of a safetensors file).
        shapes: shape of each tensor by name.
        metadata: JSON values by key; empty for all formats but safetensors.
    """

    path: Path
    format: str
    shapes: Shapes
    metadata: dict[str, Any]

    def tensors(self, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """Yields names and tensors, in any order.

        The tensors are mapped from the file (for the format "pickle", read). Copy them before writing to them.
        Mapped pages count as resident memory as long as their mapping exists, so each chunk has a mapping of its own.

        Raises:
            ValueError: a tensor has NaN or infinite values.
        """
        for chunk in self._chunks(names):
            mapped = self._map(chunk)
            while mapped:
                name, tensor = mapped.popitem()
                self._check_finite(name, tensor)
                yield name, tensor

    def _check_finite(self, name: str, tensor: Tensor) -> None:
        """Raises ValueError for NaN or infinity, but in causal masks, which some files of text towers contain."""
        if tensor.dtype not in FLOATS or not tensor.numel() or name.endswith("attn_mask"):
            return
        if not all(map(math.isfinite, map(float, tensor.aminmax()))):
            raise ValueError(f"{self.path}: tensor {name} has NaN or infinite values; download the file again")

    def _chunks(self, names: Iterable[str]) -> Iterator[list[str]]:
        """Groups names so that each group but the last has at least CHUNK_SIZE elements.

        A file of the format "pickle" cannot be mapped and would be read once a group, so it is one group.
        """
        chunk, size = [], 0
        for name in names:
            chunk.append(name)
            size += math.prod(self.shapes[name])
            if size > CHUNK_SIZE and self.format != "pickle":
                yield chunk
                chunk, size = [], 0
        yield chunk

    def _map(self, names: list[str]) -> dict[str, Tensor]:
        if self.format == "safetensors":
            from safetensors import safe_open

            with safe_open(self.path, "pt") as file:
                return {name: file.get_tensor(name) for name in names}
        tensors = _unpickled(self.path, self.format)
        return {name: tensors[name] for name in names}


def open_weights(path: str | Path) -> WeightsFile:
    """Reads names, shapes and metadata of the tensors in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file does not contain tensors, is truncated, or is a pickle that contains code.
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
            raise _truncated(path)
        return "pickle" if path.suffix == ".safetensors" else "zip"  # torch goes by the suffix of what it maps
    if head[8:9] == b"{":
        return "safetensors"
    if head[:1] == b"\x80":
        return "pickle"
    content = "empty" if not head else "not a file of weights"
    if head.startswith(b"version https://git-lfs"):
        content = "a Git LFS pointer, not the weights it points to"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        content = "a web page, not weights: the download went wrong"
    raise ValueError(f"{path} is {content}")


def _open_safetensors(path: Path) -> WeightsFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = {key: _json(value) for key, value in (file.metadata() or {}).items()}
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise _truncated(path) from error
    return WeightsFile(path, "safetensors", shapes, metadata)


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value  # files of other programs have plain text in their metadata


def _unpickled(path: Path, format: str) -> dict[str, Tensor]:
    """The tensors in a file of torch.save, mapped if the format is "zip"."""
    try:
        with _READING_PICKLE, torch.serialization.safe_globals(_PLACEHOLDERS):
            if format == "zip":
                content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            else:
                with path.open("rb") as file:
                    content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        function = re.search(r"GLOBAL ([\w.]+)", str(error))
        if not function:
            raise _truncated(path) from error
        raise ValueError(
            f"{path} is refused: it is a pickle that would run code ({function[1]}). Use its safetensors version"
        ) from error
    except OSError:
        raise
    except Exception as error:  # a damaged pickle makes torch raise anything
        first_line = str(error).partition("\n")[0]
        raise ValueError(f"{path} is damaged or does not contain tensors: {first_line}") from error
    if isinstance(content, dict):
        content = content.get("state_dict", content)
    if not isinstance(content, dict):
        raise ValueError(f"{path} contains a {type(content).__name__}, not tensors by name")
    return {name: value for name, value in content.items() if isinstance(value, Tensor) and isinstance(name, str)}


def _truncated(path: Path) -> ValueError:
    megabytes = path.stat().st_size / 1e6
    return ValueError(f"{path} is truncated or damaged (its size is {megabytes:,.1f} MB): download it again")


def _placeholder(name: str) -> type:
    """A class with the name of one that checkpoints refer to. It accepts any arguments and does nothing."""
    module, _, class_name = name.rpartition(".")
    methods = {
        "__module__": module,
        "__new__": lambda cls, *_, **__: object.__new__(cls),
        "__init__": lambda self, *_, **__: None,
        "__setstate__": lambda self, _: None,
    }
    return type(class_name, (), methods)


_READING_PICKLE = threading.Lock()
"""What a pickle may contain is a setting of the whole process."""
_PLACEHOLDERS: list[Any] = [
    _placeholder("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
    _placeholder("numpy.core.multiarray.scalar"),
    _placeholder("numpy._core.multiarray.scalar"),
    _placeholder("numpy.dtype"),
    _placeholder("_codecs.encode"),
]
"""Stand in for the classes that Stable Diffusion's checkpoints refer to beside their tensors."""
