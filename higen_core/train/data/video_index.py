"""Data sets of captioned videos: a folder, a table, or WebDataset shards. Nothing is decoded here but tar files.

Videos come in parts, which are divided among the processes. What is broken is reported as (name, reason) and skipped.
"""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeAlias

from ...text_file import decode_text, read_text

ENDINGS = ("mp4", "webm", "mkv", "mov", "avi", "m4v", "gif")
PART = 32  # videos in a part; of shards, each file is a part

Report: TypeAlias = Callable[[str, str], object]
"""Takes the name of a video that is skipped, and the reason."""


@dataclass(frozen=True)
class Video:
    """`source` is a path, or an open file."""

    name: str
    source: str | IO[bytes]
    caption: str


@dataclass(frozen=True)
class Part:
    """`items` are paths, rows of a table, or one URL; `read` turns them into videos."""

    items: tuple[Any, ...]
    read: Callable[[Report], Iterator[Video]]


def listing(parts: list[Part]) -> str:
    """A summary of the list of videos; equal for equal lists."""
    items = [repr(item) for part in parts for item in part.items]
    return f"{len(items)} listed, {zlib.crc32(chr(10).join(items).encode()):08x}"


def parts_of(data: str) -> list[Part]:
    """The parts of a data set, always in the same order.

    - a folder, searched with its subfolders: every video has its caption beside it, in a .txt of the same name
    - a .csv with columns `file` and `caption`, or a .jsonl with these keys; paths are relative to the table's folder
    - .tar files of WebDataset, {00..99} written out: samples with a video, and a .txt or a .json with `caption`
    """
    path = Path(data)
    if path.suffix == ".tar":
        from webdataset.shardlists import expand_urls

        return [Part((url,), partial(_tar, url)) for url in expand_urls(data)]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower().lstrip(".") in ENDINGS)
        return _in_parts(files, _beside, f"{data} holds no video ({', '.join(ENDINGS)})")
    if path.suffix not in (".csv", ".jsonl"):
        raise ValueError(f"data must be an existing folder, a .csv, a .jsonl or .tar files, got {data!r}")
    rows = list((_csv_rows if path.suffix == ".csv" else _json_rows)(path))
    return _in_parts(rows, partial(_of_row, path.parent), f"{data} has no row")


def _in_parts(items: list[Any], read: Callable[[Any], Video], empty: str) -> list[Part]:
    if not items:
        raise ValueError(empty)
    groups = [tuple(items[i : i + PART]) for i in range(0, len(items), PART)]
    return [Part(group, partial(_readable, group, read)) for group in groups]


def _readable(items: Iterable[Any], read: Callable[[Any], Video], report: Report) -> Iterator[Video]:
    for item in items:
        try:
            yield read(item)
        except (ValueError, OSError) as error:
            report(str(item), str(error))


def _beside(file: Path) -> Video:
    text = file.with_suffix(".txt")
    if not text.is_file():
        raise ValueError(f"there is no caption {text.name} beside it")
    return Video(str(file), str(file), _caption(read_text(text)))


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    text = read_text(path)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)  # spreadsheets write that of the user's country
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = table.fieldnames or []
    if missing := {"file", "caption"} - set(columns):
        raise ValueError(f"{path} has no column {sorted(missing)[0]!r}; its columns are {', '.join(columns)}")
    yield from table


def _json_rows(path: Path) -> Iterator[str]:
    yield from (line.strip() for line in read_text(path).split("\n") if line.strip())


def _of_row(folder: Path, row: dict[str, Any] | str) -> Video:
    values = _json(row) if isinstance(row, str) else row
    if not values.get("file"):
        raise ValueError("the row has no file")
    file = folder / values["file"]
    return Video(str(file), str(file), _caption(values.get("caption")))


def _tar(url: str, report: Report) -> Iterator[Video]:
    """The samples of a tar file; of a damaged one those before the damage."""
    from webdataset.tariterators import tarfile_samples

    def failed(error: Exception) -> bool:
        report(url, str(error.args[0] if error.args else error))
        return True

    for sample in tarfile_samples([{"url": url}], handler=failed):
        name = f"{url}: {sample['__key__']}"
        try:
            yield _of_sample(name, sample)
        except ValueError as error:
            report(name, str(error))


def _of_sample(name: str, sample: dict[str, Any]) -> Video:
    ending = next((ending for ending in ENDINGS if ending in sample), None)
    if ending is None:
        raise ValueError(f"the sample has no video ({', '.join(ENDINGS)})")
    if "txt" in sample:
        caption = decode_text(sample["txt"], "the caption")
    else:
        caption = _json(decode_text(sample.get("json", b"{}"), "the JSON")).get("caption")
    return Video(f"{name}.{ending}", io.BytesIO(sample[ending]), _caption(caption))


def _json(text: str) -> dict[str, Any]:
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"{text[:40]!r} is not a JSON object")
    return values


def _caption(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError("the caption is empty or missing")
    return " ".join(text.split())
