"""Clips of videos: decoded, encoded and measured once, into shards, then drawn from these."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

import torch
import torch.nn.functional as F
from accelerate import PartialState
from torch import Tensor
from tqdm import tqdm

from . import files
from .clips import ClipEncoder, Clips, collate, open_cache
from .shards import Entry, packed, unpacked
from .video_frames import Format, Windows, decoded, none_usable
from .video_index import Part, listing


@dataclass(frozen=True)
class ShardMaker:
    """Makes the shards of a part of a data set; equal parts give equal shards.

    Attributes:
        folder: a folder or an address of fsspec.
        formats: the main one, then the buckets.
        windows: clips of a video at most.
        shard_frames: frames in a shard.
        workers: videos that are decoded at a time.
    """

    folder: str
    formats: tuple[Format, ...]
    windows: int
    shard_frames: int
    caption_with: str = ""
    workers: int = 2

    def open(self, encoder: ClipEncoder, parts: list[Part]) -> None:
        """Creates the folder; raises ValueError if it holds clips that were made in another way."""
        main, *others = self.formats
        buckets = [f"{format.width}x{format.height}x{format.frames}" for format in others]
        made = {"videos": listing(parts), "windows": self.windows, "shard_frames": self.shard_frames}
        options = {"buckets": buckets, "caption_with": self.caption_with}
        open_cache(self.folder, encoder.settings() | asdict(main) | made | options | {"parts": len(parts)})

    def missing(self, parts: list[Part]) -> list[int]:
        """The numbers of the parts that are not complete."""
        return [number for number in range(len(parts)) if not files.exists(manifest_path(self.folder, number))]

    def make(self, number: int, part: Part, encoder: ClipEncoder) -> Manifest:
        """Writes the shards of a part, and last the manifest, which marks the part as complete."""
        manifest = Manifest()
        pending: list[tuple[Clips, str]] = []
        for name, found in decoded(part, self.formats, self.windows, self.caption_with, self.workers):
            if isinstance(found, str):
                manifest.skipped.append((name, found))
                tqdm.write(f"skipped {name}: {found}")
                continue
            pending += [(clip, name) for clip in _encoded(found, encoder)]
            while sum(clip.latents.shape[2] for clip, _ in pending) >= self.shard_frames:
                self._flush(number, pending, manifest)
        while pending:
            self._flush(number, pending, manifest)
        content = json.dumps(asdict(manifest), indent=1, ensure_ascii=False)
        files.write(manifest_path(self.folder, number), content.encode())
        return manifest

    def _flush(self, number: int, pending: list[tuple[Clips, str]], manifest: Manifest) -> None:
        """Writes a shard of the first pending clips, at least one."""
        count, frames = 0, 0
        while count < len(pending) and (not count or frames + pending[count][0].latents.shape[2] <= self.shard_frames):
            frames += pending[count][0].latents.shape[2]
            count += 1
        name = f"{number:05d}-{len(manifest.shards):03d}"
        content, entries = packed(pending[:count], name)
        files.write(files.within(self.folder, f"{name}.tar"), content)
        manifest.shards.append((f"{name}.tar", entries))
        del pending[:count]


@dataclass(frozen=True)
class Manifest:
    """Of a part: its shards with what they hold, and (name, reason) of each video that was skipped."""

    shards: list[tuple[str, list[Entry]]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: str, number: int) -> Manifest:
        values = json.loads(files.read(manifest_path(folder, number)))
        shards = [(name, [Entry(**entry) for entry in entries]) for name, entries in values["shards"]]
        return cls(shards, [(name, reason) for name, reason in values["skipped"]])


def manifest_path(folder: str, number: int) -> str:
    return files.within(folder, f"{number:05d}.json")


def _encoded(windows: Windows, encoder: ClipEncoder) -> Iterator[Clips]:
    """Each window as a `Clips` of one clip, the mask in the resolution of the latents."""
    clips = encoder(windows.frames, [(windows.caption,)] * len(windows.frames))
    if windows.mask is not None:
        height, width = clips.latents.shape[3:]
        clips = replace(clips, mask=F.adaptive_avg_pool2d(windows.mask, (height, width)))
    return (collate([(clips, i)]) for i in range(len(clips)))


def make_shards(maker: ShardMaker, parts: list[Part], encoder: ClipEncoder, process: PartialState) -> None:
    """Makes the shards that are missing. The processes divide them, and all return when all are made."""
    maker.open(encoder, parts)
    own = range(process.process_index, len(parts), process.num_processes)
    for number in tqdm(own, desc="reading videos", unit="part", disable=not process.is_main_process):
        if not files.exists(manifest_path(maker.folder, number)):
            maker.make(number, parts[number], encoder)
    while maker.missing(parts):
        time.sleep(0.5)  # for the other processes


class PreparedClips:
    """The clips in a folder of shards. Those of a batch have one size, which is drawn as often as clips have it."""

    def __init__(self, folder: str, count: int, videos: frozenset[str] | None = None):
        """`count` is that of the parts; only clips of `videos` are drawn, None: of all."""
        self.videos: set[str] = set()
        self.shards: list[str] = []
        self.skipped: list[tuple[str, str]] = []
        places: dict[tuple[int, int, int], list[tuple[int, int, int]]] = {}
        for number in range(count):
            manifest = Manifest.read(folder, number)
            self.skipped += manifest.skipped
            for name, entries in manifest.shards:
                self.shards.append(files.within(folder, name))
                for entry in entries:
                    if videos is None or entry.video in videos:
                        self.videos.add(entry.video)
                        size = (entry.frames, entry.height, entry.width)
                        places.setdefault(size, []).append((len(self.shards) - 1, entry.offset, entry.size))
        self.sizes = list(places)
        self.places = [torch.tensor(found) for found in places.values()]

    def __len__(self) -> int:
        return sum(map(len, self.places))

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        weights = [len(places) for places in self.places]
        [places] = rng.choices(self.places, weights) if len(weights) > 1 else self.places
        return collate([(self._clip(places[rng.randrange(len(places))]), 0) for _ in range(size)])

    def first(self, count: int | None = None) -> Iterator[Clips]:
        """The first clips, one by one; None: all."""
        places = (place for places in self.places for place in places)
        return (self._clip(place) for place in islice(places, count))

    def captions(self, count: int | None = None) -> list[str]:
        """Of the first clips; None: of all."""
        return [clip.captions[0][0] for clip in self.first(count)]

    def _clip(self, place: Tensor) -> Clips:
        shard, offset, size = place.tolist()
        return unpacked(files.read(self.shards[shard], offset, offset + size))


def counted(clips: PreparedClips, process: PartialState) -> PreparedClips:
    """The same clips, with a line that counts them; raises ValueError if there are none."""
    if process.is_main_process:
        print(f"{len(clips)} clips, {len(clips.skipped)} videos skipped")
    if not len(clips):
        raise ValueError(none_usable(clips.skipped))
    return clips


class Stills:
    """Single frames of clips, as images for the spatial stage."""

    def __init__(self, clips: PreparedClips):
        self.clips = clips

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        clips = self.clips.draw(size, step, rng)
        frames = torch.tensor([rng.randrange(clips.latents.shape[2]) for _ in range(size)])
        rows = torch.arange(size)
        return replace(
            clips,
            latents=clips.latents[rows, :, frames][:, :, None],
            motion=clips.motion[:, :0],
            appearance=clips.appearance[:, :1, :1],
            mask=None if clips.mask is None else clips.mask[rows, frames][:, None],
        )
