"""New files in ComfyUI's folders: complete or not there at all, and never in place of another file.

Files are written into a hidden folder beside their final place. When all are complete, they get the first number at
which none of their names is taken, also if another server saves into the same folder. The hidden folder is removed in
any case; that of a process that was killed, by the next run that saves there.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

import folder_paths
import psutil

DEFAULT_NAME = "video"
DAY = 86_400
"""Seconds after which the unfinished files of a process of which nothing is known count as abandoned."""
EARLIER_PARTIAL = re.compile(r"\..+_\d{5,}_(\d{4,})?\.part\.(mp4|webm|gif|webp|png)")
"""Temporary files of earlier versions of this pack."""
RECORD = "names"
"""File in the hidden folder that says what its files are being named: the name with the number, and the endings."""

_in_use: set[str] = set()
"""Names of the hidden folders that this process is writing into."""


@dataclass(frozen=True)
class Destination:
    """Where files are saved.

    Attributes:
        folder: absolute path, existing.
        name: the beginning of the file names.
        counter: the number after the highest one in the folder.
        location: `subfolder` and `type`, by which ComfyUI's pages ask for the files.
    """

    folder: Path
    name: str
    counter: int
    location: dict[str, str]

    def stem(self, number: int) -> str:
        return f"{self.name}_{number:05}"


def destination(filename_prefix: str, width: int, height: int, ending: str, type: str = "output") -> Destination:
    """The place for files with this prefix in ComfyUI's folder "output" or "temp", named as by its own nodes.

    Links in that folder are followed if the Save Video of the running ComfyUI follows them. `ending` is what will
    follow the number in the longest name.

    Raises:
        ValueError: the prefix leads out of the folder, or is no possible path; the message begins with its name.
    """
    root = folder_paths.get_temp_directory() if type == "temp" else folder_paths.get_output_directory()
    root = os.path.abspath(root)
    prefix = os.path.normpath(filename_prefix)
    if os.path.basename(prefix) in ("", os.curdir):
        prefix = os.path.join(prefix, DEFAULT_NAME)
    if not Path(os.path.abspath(os.path.join(root, prefix))).is_relative_to(root):
        raise ValueError(f"filename_prefix must not lead outside the output folder, got {filename_prefix!r}")
    try:
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, root, width, height)
        place = Destination(Path(folder), name, counter, {"subfolder": subfolder, "type": type})
        os.lstat(place.folder / f"{place.stem(counter)}{ending}")  # raises unless the name is possible
    except FileNotFoundError:
        return place
    except (OSError, ValueError) as error:
        raise ValueError(f"filename_prefix cannot be a path of files, got {filename_prefix!r}: {error}") from error
    return place


@contextmanager
def unfinished(place: Destination) -> Iterator[Path]:
    """Yields a new hidden folder for files that `publish` then moves to their place, and removes it at the end."""
    remove_abandoned(place.folder)
    folder = place.folder / f".higen-{_machine()}-{os.getpid()}-{uuid4().hex[:8]}.part"
    _in_use.add(folder.name)
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what is left is removed as abandoned
        _in_use.discard(folder.name)


def publish(place: Destination, files: Sequence[Path]) -> list[str]:
    """Gives complete files of the `unfinished` folder their final names, and returns these.

    The final name is the name, the number and the name of the file: "_0007.png" becomes "video_00001_0007.png". The
    number is the first at which no such name is taken. Either all files get their names or none.
    """
    for number in count(place.counter):
        stem = place.stem(number)
        names = [stem, *(file.name for file in files)]
        (files[0].parent / RECORD).write_bytes(b"\0".join(map(os.fsencode, names)))
        named: list[Path] = []
        try:
            for file in files:
                final = place.folder / f"{stem}{file.name}"
                _name_new(file, final)
                named.append(final)
        except BaseException as error:
            for file, final in zip(files, named, strict=False):
                if file.exists():
                    final.unlink()
                else:  # it was moved, where there are no hard links
                    final.replace(file)
            (files[0].parent / RECORD).unlink(missing_ok=True)
            if not isinstance(error, FileExistsError):
                raise
            continue
        (files[0].parent / RECORD).unlink(missing_ok=True)
        return [final.name for final in named]
    raise AssertionError("unreachable")


def remove_abandoned(folder: Path) -> None:
    """Removes unfinished files of processes that have ended, and sets of files that they had named in part."""
    for path in folder.glob(".*.part*"):
        try:
            if path.name in _in_use or not _is_abandoned(path):
                continue
            if path.is_dir():
                _take_back(path)
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # another server was faster
        except OSError as error:
            logging.warning("HiGen: the unfinished file %s cannot be removed: %s", path, error)


def _is_abandoned(path: Path) -> bool:
    parts = re.fullmatch(r"\.higen-(\w+)-(\d+)-\w+\.part", path.name)
    if parts and parts[1] == _machine():
        return int(parts[2]) == os.getpid() or not _is_running(int(parts[2]))
    if parts or EARLIER_PARTIAL.fullmatch(path.name):
        return time.time() - path.stat().st_mtime > DAY
    return False


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _machine() -> str:
    """What distinguishes machines and containers, within which a process id is one process."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        namespace = ""
    return hashlib.sha256(f"{platform.node()} {namespace}".encode()).hexdigest()[:8]


def _take_back(folder: Path) -> None:
    """Removes the final names of files that a killed process had named in part: some of a set, or an empty one.

    Where there are no hard links, named files are no longer in the hidden folder. One that has been changed since, and
    may be a user's, stays.
    """
    record = folder / RECORD
    if not record.is_file():
        return
    stem, *endings = os.fsdecode(record.read_bytes()).split("\0")
    finals = {folder / ending: folder.parent / f"{stem}{ending}" for ending in endings}
    linked = [file for file, final in finals.items() if file.exists() and final.exists() and final.samefile(file)]
    moved = [file for file in finals if not file.exists()]
    unnamed = [file for file in finals if file not in linked and file not in moved]
    if not unnamed:
        return
    latest = record.stat().st_mtime_ns
    for final in [finals[file] for file in moved]:
        if final.is_file() and final.stat().st_mtime_ns <= latest:
            final.unlink()
    for final in [finals[file] for file in linked]:
        final.unlink()
    if (final := finals[unnamed[0]]).is_file() and not final.stat().st_size:  # claimed by _name_new
        final.unlink()


def _name_new(file: Path, final: Path) -> None:
    """Gives a file another name.

    Raises:
        FileExistsError: the name is taken.
    """
    try:
        os.link(file, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.name == "nt":
            os.rename(file, final)
            return
        final.touch(exist_ok=False)
        try:
            os.replace(file, final)
        except BaseException:
            if file.exists():  # a network share may have renamed it before its answer was lost
                final.unlink()
            raise
