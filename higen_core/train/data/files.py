"""Files of this machine, or at an address that fsspec knows, such as s3://bucket/folder/file."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from ..checkpoint import replacing


def is_remote(address: str) -> bool:
    return "://" in address


def beside(address: str, name: str) -> str:
    """The address of the file `name` in the same folder, or `name` itself if it is an address or an absolute path."""
    return (
        name
        if is_remote(name)
        else within(address.rpartition("/")[0] if is_remote(address) else Path(address).parent, name)
    )


def within(folder: str | Path, name: str) -> str:
    """The address of the file `name` in a folder."""
    if is_remote(str(folder)):
        return f"{str(folder).rstrip('/')}/{name}"
    return str(Path(folder) / name)


def stem(address: str) -> str:
    """The address without its last ending."""
    return address.rpartition(".")[0]


def exists(address: str) -> bool:
    if not is_remote(address):
        return Path(address).exists()
    system, path = _remote(address)
    return system.exists(path)


def files_below(folder: str) -> list[str]:
    """The addresses of all files in a folder and its subfolders, sorted."""
    if not is_remote(folder):
        return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())
    system, path = _remote(folder)
    return sorted(system.unstrip_protocol(found) for found in system.find(path))


def read(address: str, start: int = 0, end: int | None = None) -> bytes:
    """The bytes of a file from `start` up to `end`."""
    if not is_remote(address):
        with open(address, "rb") as file:
            file.seek(start)
            return file.read(None if end is None else end - start)
    system, path = _remote(address)
    return system.cat_file(path, start=start, end=end)


def write(address: str, content: bytes) -> None:
    """Replaces a file. On this machine it is never half a file; elsewhere that is up to the storage."""
    if is_remote(address):
        system, path = _remote(address)
        system.makedirs(system._parent(path), exist_ok=True)
        system.pipe_file(path, content)
        return
    Path(address).parent.mkdir(parents=True, exist_ok=True)
    with replacing(Path(address)) as partial:
        partial.write_bytes(content)


def opened(address: str) -> IO[bytes]:
    """The file, to be read; at an address, in parts as they are needed."""
    if not is_remote(address):
        return open(address, "rb")
    system, path = _remote(address)
    return system.open(path, "rb")


def _remote(address: str) -> tuple[Any, str]:
    """The file system of fsspec, and the path in it."""
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(address)
    except ImportError as error:
        raise ValueError(f"{address} cannot be opened: {error}") from error
