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

from ...text_file import decode_text
from .files import beside, exists, files_below, is_remote, opened, read, stem

ENDINGS = ("mp4", "webm", "mkv", "mov", "avi", "m4v", "gif")
MASKS = tuple(f"mask.{ending}" for ending in ("png", *ENDINGS))
PART = 32  # videos in a part; of shards, each file is a part

Report: TypeAlias = Callable[[str, str], object]
"""Takes the name of a video that is skipped, and the reason."""


@dataclass(frozen=True)
class Video:
    """`source` and `mask` (an image or a video) are addresses, or open files. `caption` is empty if there is none."""

    name: str
    source: str | IO[bytes]
    caption: str
    mask: str | IO[bytes] | None = None


@dataclass(frozen=True)
class Part:
    """`items` are addresses, rows of a table, or one URL; `read` turns them into videos."""

    items: tuple[Any, ...]
    read: Callable[[Report], Iterator[Video]]


def listing(parts: list[Part]) -> str:
    """A summary of the list of videos; equal for equal lists."""
    items = [repr(item) for part in parts for item in part.items]
    return f"{len(items)} listed, {zlib.crc32(chr(10).join(items).encode()):08x}"


def parts_of(data: str, captions: bool = True) -> list[Part]:
    """The parts of a data set, always in the same order.

    - a folder, searched with its subfolders: every video has its caption beside it, in a .txt of the same name
    - a .csv with columns `file` and `caption`, or a .jsonl with these keys; paths are relative to the table's folder
    - .tar files of WebDataset, {00..99} written out: samples with a video, and a .txt or a .json with `caption`

    All of them may be at addresses of fsspec. A mask is beside a video as NAME.mask.png or a NAME.mask video, in a
    column or key `mask`, or in the sample as mask.png.

    Args:
        captions: whether a video without a caption is reported and skipped.
    """
    caption = _caption if captions else _caption_or_none
    if data.endswith(".tar"):
        from webdataset.shardlists import expand_urls

        return [Part((url,), partial(_tar, url, caption)) for url in expand_urls(data)]
    if data.endswith((".csv", ".jsonl")):
        rows = list((_csv_rows if data.endswith(".csv") else _json_rows)(data))
        return _in_parts(rows, partial(_of_row, data, caption), f"{data} has no row")
    if not is_remote(data) and not Path(data).is_dir():
        raise ValueError(f"data must be an existing folder, a .csv, a .jsonl or .tar files, got {data!r}")
    files = files_below(data)
    masks = {stem(stem(file)): file for file in files if file.lower().endswith(MASKS)}
    videos = [file for file in files if file.lower().endswith(ENDINGS) and file not in masks.values()]
    items = [(file, masks.get(stem(file))) for file in videos]
    return _in_parts(items, partial(_beside, caption), f"{data} holds no video ({', '.join(ENDINGS)})")


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
            report(item[0] if isinstance(item, tuple) else str(item), str(error))


def _beside(caption: Callable[[Any], str], item: tuple[str, str | None]) -> Video:
    file, mask = item
    text = f"{stem(file)}.txt"
    if exists(text):
        return Video(file, file, caption(decode_text(read(text), text)), mask)
    try:
        return Video(file, file, caption(None), mask)
    except ValueError:
        raise ValueError(f"there is no caption {Path(text).name} beside it") from None


def _csv_rows(table: str) -> Iterator[dict[str, Any]]:
    text = decode_text(read(table), table)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)  # spreadsheets write that of the user's country
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = rows.fieldnames or []
    if missing := {"file", "caption"} - set(columns):
        raise ValueError(f"{table} has no column {sorted(missing)[0]!r}; its columns are {', '.join(columns)}")
    yield from rows


def _json_rows(table: str) -> Iterator[str]:
    yield from (line.strip() for line in decode_text(read(table), table).split("\n") if line.strip())


def _of_row(table: str, caption: Callable[[Any], str], row: dict[str, Any] | str) -> Video:
    values = _json(row) if isinstance(row, str) else row
    if not values.get("file"):
        raise ValueError("the row has no file")
    file, mask = beside(table, values["file"]), values.get("mask")
    return Video(file, file, caption(values.get("caption")), beside(table, mask) if mask else None)


def _tar(url: str, caption: Callable[[Any], str], report: Report) -> Iterator[Video]:
    """The samples of a tar file; of a damaged one those before the damage."""
    from webdataset.tariterators import group_by_keys, tar_file_expander

    def failed(error: Exception) -> bool:
        report(url, str(error.args[0] if error.args else error))
        return True

    try:
        with opened(url) as file:
            members = tar_file_expander([{"url": url, "stream": file}], handler=failed)
            for sample in group_by_keys(members, handler=failed):
                name = f"{url}: {sample['__key__']}"
                try:
                    yield _of_sample(name, sample, caption)
                except ValueError as error:
                    report(name, str(error))
    except OSError as error:
        report(url, str(error))


def _of_sample(name: str, sample: dict[str, Any], caption: Callable[[Any], str]) -> Video:
    ending = next((ending for ending in ENDINGS if ending in sample), None)
    if ending is None:
        raise ValueError(f"the sample has no video ({', '.join(ENDINGS)})")
    if "txt" in sample:
        text = decode_text(sample["txt"], "the caption")
    else:
        text = _json(decode_text(sample.get("json", b"{}"), "the JSON")).get("caption")
    mask = next((io.BytesIO(sample[key]) for key in MASKS if key in sample), None)
    return Video(f"{name}.{ending}", io.BytesIO(sample[ending]), caption(text), mask)


def _json(text: str) -> dict[str, Any]:
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"{text[:40]!r} is not a JSON object")
    return values


def _caption(text: Any) -> str:
    if not _caption_or_none(text):
        raise ValueError("the caption is empty or missing")
    return _caption_or_none(text)


def _caption_or_none(text: Any) -> str:
    return " ".join(text.split()) if isinstance(text, str) else ""
