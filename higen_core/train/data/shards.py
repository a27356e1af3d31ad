"""Shards: tar files of WebDataset with encoded clips. A sample has

    KEY.latents.npy  KEY.motion.npy  KEY.appearance.npy  KEY.text.npy  KEY.mask.npy (if there is one)  KEY.json

with the arrays of `Clips` for one clip, the mask in 8 bits, and the captions and the name of its video as JSON. Equal
clips give equal files.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .clips import Clips

ARRAYS = ("latents", "motion", "appearance", "text", "mask")


@dataclass(frozen=True)
class Entry:
    """Where a clip is in its shard, in bytes, the video that it was cut from, and the size of its latents."""

    offset: int
    size: int
    video: str
    frames: int
    height: int
    width: int


def packed(clips: Iterable[tuple[Clips, str]], prefix: str) -> tuple[bytes, list[Entry]]:
    """A shard of (one clip, the name of its video); keys begin with `prefix`."""
    content, entries = io.BytesIO(), []
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number, (clip, video) in enumerate(clips):
            start = tar.offset
            for name, data in _files(clip, video).items():
                member = tarfile.TarInfo(f"{prefix}-{number:05d}.{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
            entries.append(Entry(start, tar.offset - start, video, *clip.latents.shape[2:]))
    return content.getvalue(), entries


def unpacked(sample: bytes) -> Clips:
    """The clip in the bytes that an entry names."""
    with tarfile.open(fileobj=io.BytesIO(sample), mode="r:") as tar:
        files = {member.name.partition(".")[2]: member for member in tar}
        arrays = {name: np.load(_file(tar, files[f"{name}.npy"])) for name in ARRAYS if f"{name}.npy" in files}
        captions = tuple(json.load(_file(tar, files["json"]))["captions"])
    tensors: dict[str, Any] = {name: torch.from_numpy(array)[None] for name, array in arrays.items()}
    if "mask" in tensors:
        tensors["mask"] = tensors["mask"] / 255
    return Clips(**tensors, captions=[captions])


def _files(clip: Clips, video: str) -> dict[str, bytes]:
    """The content of a sample by ending, of a `Clips` with a single clip."""
    arrays = {name: getattr(clip, name) for name in ARRAYS}
    if clip.mask is not None:
        arrays["mask"] = (clip.mask * 255).round().byte()
    files = {f"{name}.npy": _npy(tensor[0].numpy()) for name, tensor in arrays.items() if tensor is not None}
    described = {"caption": clip.captions[0][0], "captions": clip.captions[0], "video": video}
    return files | {"json": json.dumps(described, ensure_ascii=False).encode()}


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo) -> io.BytesIO:
    file = tar.extractfile(member)
    assert file is not None
    return io.BytesIO(file.read())
