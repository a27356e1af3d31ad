"""Clips of real videos: decoded and, for the denoiser, encoded and measured once, then drawn from the cache."""

from __future__ import annotations

import json
import os
import random
import time
from bisect import bisect_right
from dataclasses import asdict, dataclass
from itertools import accumulate, islice
from pathlib import Path

import torch
from accelerate import PartialState
from torch import Tensor
from tqdm import tqdm

from ..extract import shown_at
from ..footage import open_footage
from ..priors import fit_pictures
from .data import Clips, Keep, gathered, open_cache, read_clips
from .videos import Part, Report, Video, listing

UNREADABLE = (ValueError, OSError)
"""What a damaged, missing or unsuitable file raises."""


@dataclass(frozen=True)
class Format:
    """Of a clip: frames, frames per second, and pixels."""

    frames: int
    fps: float
    width: int
    height: int


def read_windows(video: Video, format: Format, windows: int) -> Tensor:
    """The first clips of a video (n, f, h, w, 3) in [0, 1], at most `windows`, one after the other.

    Frames are those on the screen at 0, 1/fps, 2/fps ... seconds, shrunk with antialiasing and cropped evenly.
    """
    footage = open_footage(video.source, format.fps)
    times = (i / format.fps for i in range(windows * format.frames))
    hold = min(1 / format.fps, 1 / footage.rate)
    shown = shown_at(footage.read(0.0), times, hold=hold, blend=footage.rate < format.fps)
    pictures = [fit_pictures(picture[None], format.height, format.width)[0] for picture in shown]
    whole = len(pictures) // format.frames
    if not whole:
        raise ValueError(
            f"too short: {format.frames} frames at {format.fps:g} per second are wanted, {len(pictures)} are there"
        )
    return torch.stack(pictures[: whole * format.frames]).unflatten(0, (whole, format.frames))


def first_pictures(parts: list[Part], format: Format, count: int) -> Tensor:
    """The first frames of as many videos (n, h, w, 3); those that cannot be read are passed over."""
    still = Format(1, format.fps, format.width, format.height)

    def readable():
        for part in parts:
            for video in part.read(lambda *_: None):
                try:
                    yield read_windows(video, still, 1)[0, 0]
                except UNREADABLE:
                    continue

    pictures = list(islice(readable(), count))
    if not pictures:
        raise ValueError("none of the videos can be read")
    return torch.stack(pictures)


@dataclass(frozen=True)
class Done:
    """What became of a part: clips in each of its files, and what was skipped, with the reasons."""

    clips: list[int]
    skipped: list[tuple[str, str]]


class VideoClips:
    """Files of about `size` frames in `folder`. All processes share the work; it goes on where it was interrupted."""

    def __init__(self, folder: Path, parts: list[Part], keep: Keep, format: Format, *, windows: int, size: int):
        self.folder, self.parts, self.keep, self.format = folder, parts, keep, format
        self.frames, self.windows, self.size = format.frames, windows, max(1, size // format.frames)
        open_cache(folder, keep.facts() | asdict(format) | {"videos": listing(parts), "windows": windows})
        self.files: list[Path] = []
        self.ends: list[int] = []

    def prepare(self, process: PartialState) -> None:
        """Makes what is missing, then counts; raises ValueError if there is not one clip."""
        mine = range(process.process_index, len(self.parts), process.num_processes)
        for number in tqdm(mine, desc="reading videos", unit="part", disable=not process.is_main_process):
            if not self._manifest(number).exists():
                self._make(number)
        while not all(self._manifest(number).exists() for number in range(len(self.parts))):
            time.sleep(0.5)  # for the other processes
        parts = [Done(**json.loads(self._manifest(number).read_text())) for number in range(len(self.parts))]
        counts = [count for done in parts for count in done.clips]
        skipped = [entry for done in parts for entry in done.skipped]
        if process.is_main_process:
            print(f"{sum(counts)} clips, {len(skipped)} videos skipped")
        if not counts:
            why = "; the first one, {}: {}".format(*skipped[0]) if skipped else ""
            raise ValueError(f"none of the videos can be used{why}")
        self.files = [self._file(n, k) for n, done in enumerate(parts) for k in range(len(done.clips))]
        self.ends = list(accumulate(counts))

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        return gathered([self._clip(rng.randrange(self.ends[-1])) for _ in range(size)])

    def captions(self, count: int | None = None) -> list[str]:
        """Of the first clips; none: of all."""
        picks = (self._clip(index) for index in range(self.ends[-1])[:count])
        return [clips.captions[i][0] for clips, i in picks]

    def _clip(self, index: int) -> tuple[Clips, int]:
        file = bisect_right(self.ends, index)
        return read_clips(self.files[file]), index - (self.ends[file - 1] if file else 0)

    def _make(self, number: int) -> None:
        """Files of clips, and last the manifest that says they are all there."""
        skipped: list[tuple[str, str]] = []
        counts: list[int] = []
        waiting: list[tuple[Clips, int]] = []

        def report(name: str, reason: str) -> None:
            skipped.append((name, reason))
            tqdm.write(f"skipped {name}: {reason}")

        def write(least: int) -> None:
            """Files, as long as so many clips are waiting."""
            while len(waiting) >= least:
                gathered(waiting[: self.size]).write(self._file(number, len(counts)))
                counts.append(len(waiting[: self.size]))
                del waiting[: self.size]

        for video in self.parts[number].read(report):
            clips = self._encoded(video, report)
            waiting += [(clips, i) for i in range(len(clips))] if clips else []
            write(self.size)
        write(1)
        partial = self._manifest(number).with_suffix(".partial")
        partial.write_text(json.dumps(asdict(Done(counts, skipped)), indent=2) + "\n")
        os.replace(partial, self._manifest(number))

    def _encoded(self, video: Video, report: Report) -> Clips | None:
        try:
            windows = read_windows(video, self.format, self.windows)
        except UNREADABLE as error:
            report(video.name, str(error))
            return None
        return self.keep(windows, [(video.caption, video.caption)] * len(windows))

    def _file(self, part: int, number: int) -> Path:
        return self.folder / f"{part:05d}-{number:03d}.pt"

    def _manifest(self, part: int) -> Path:
        return self.folder / f"{part:05d}.json"


class Stills:
    """Single frames of clips, as pictures for the spatial stage."""

    frames = 1

    def __init__(self, clips: VideoClips):
        self.clips = clips

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        clips = self.clips.draw(size, step, rng)
        frames = torch.tensor([rng.randrange(self.clips.frames) for _ in range(size)])
        latents = clips.latents[torch.arange(size), :, frames][:, :, None]
        return Clips(latents, clips.motion[:, :0], clips.appearance[:, :1, :1], clips.captions)
