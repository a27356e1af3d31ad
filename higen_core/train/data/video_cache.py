"""Clips of videos: decoded and, for the denoiser, encoded and measured once, then drawn from the cache."""

from __future__ import annotations

import json
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

from ...cues.shown import shown_at
from ...media.image import fit_images
from ...media.video_reader import open_video
from ..checkpoint import replacing
from .clips import ClipEncoder, Clips, collate, open_cache, read_clips
from .video_index import Part, Report, Video, listing

UNREADABLE = (ValueError, OSError)
"""What a damaged, missing or unsuitable file raises."""


@dataclass(frozen=True)
class Format:
    """Of a clip: frames, frames per second, and size in pixels."""

    frames: int
    fps: float
    width: int
    height: int


def read_windows(video: Video, format: Format, windows: int) -> Tensor:
    """The first clips of a video (n, f, h, w, 3) in [0, 1], at most `windows`, one after the other.

    Frames are those on the screen at 0, 1/fps, 2/fps ... seconds, resized with antialiasing and cropped to the center.
    """
    reader = open_video(video.source, format.fps)
    times = (i / format.fps for i in range(windows * format.frames))
    hold = min(1 / format.fps, 1 / reader.rate)
    pictures = shown_at(reader.read(0.0), times, hold, blend=reader.rate < format.fps, tolerance=reader.tolerance)
    images = [fit_images(shown.image()[None], format.height, format.width)[0] for shown in pictures]
    count = len(images) // format.frames
    if not count:
        raise ValueError(f"too short: it has {len(images)} of {format.frames} frames at {format.fps:g} per second")
    return torch.stack(images[: count * format.frames]).unflatten(0, (count, format.frames))


def first_images(parts: list[Part], format: Format, count: int) -> Tensor:
    """The first frames of as many videos (n, h, w, 3); videos that cannot be used are passed over.

    Raises:
        ValueError: none of the videos can be used; the message has the reason of the first one.
    """
    still = Format(1, format.fps, format.width, format.height)
    skipped: list[tuple[str, str]] = []

    def readable():
        for part in parts:
            for video in part.read(lambda name, reason: skipped.append((name, reason))):
                try:
                    yield read_windows(video, still, 1)[0, 0]
                except UNREADABLE as error:
                    skipped.append((video.name, str(error)))

    images = list(islice(readable(), count))
    if not images:
        raise ValueError(none_usable(skipped))
    return torch.stack(images)


def none_usable(skipped: list[tuple[str, str]]) -> str:
    """The error of a data set without a usable video, with (name, reason) of the first that was skipped."""
    reason = "; the first one, {}: {}".format(*skipped[0]) if skipped else ""
    return f"none of the videos can be used{reason}"


@dataclass(frozen=True)
class Manifest:
    """Of a cached part: the number of clips in each of its files, and (name, reason) of each video that was skipped."""

    clips: list[int]
    skipped: list[tuple[str, str]]


class VideoClips:
    """Files of about `size` frames in `folder`. The processes divide the work among them and resume it after an
    interruption."""

    def __init__(
        self, folder: Path, parts: list[Part], encoder: ClipEncoder, format: Format, *, windows: int, size: int
    ):
        self.folder, self.parts, self.encoder, self.format = folder, parts, encoder, format
        self.frames, self.windows, self.size = format.frames, windows, max(1, size // format.frames)
        open_cache(folder, encoder.settings() | asdict(format) | {"videos": listing(parts), "windows": windows})
        self.files: list[Path] = []
        self.ends: list[int] = []

    def prepare(self, process: PartialState) -> None:
        """Makes the files that are missing, then counts clips; raises ValueError if there are none."""
        own = range(process.process_index, len(self.parts), process.num_processes)
        for number in tqdm(own, desc="reading videos", unit="part", disable=not process.is_main_process):
            if not self._manifest(number).exists():
                self._make(number)
        while not all(self._manifest(number).exists() for number in range(len(self.parts))):
            time.sleep(0.5)  # for the other processes
        manifests = [Manifest(**json.loads(self._manifest(n).read_text("utf-8"))) for n in range(len(self.parts))]
        counts = [count for manifest in manifests for count in manifest.clips]
        skipped = [entry for manifest in manifests for entry in manifest.skipped]
        if process.is_main_process:
            print(f"{sum(counts)} clips, {len(skipped)} videos skipped")
        if not counts:
            raise ValueError(none_usable(skipped))
        self.files = [self._file(n, k) for n, manifest in enumerate(manifests) for k in range(len(manifest.clips))]
        self.ends = list(accumulate(counts))

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        return collate([self._clip(rng.randrange(self.ends[-1])) for _ in range(size)])

    def captions(self, count: int | None = None) -> list[str]:
        """Of the first clips; None: of all."""
        picks = (self._clip(index) for index in range(self.ends[-1])[:count])
        return [clips.captions[i][0] for clips, i in picks]

    def _clip(self, index: int) -> tuple[Clips, int]:
        file = bisect_right(self.ends, index)
        return read_clips(self.files[file]), index - (self.ends[file - 1] if file else 0)

    def _make(self, number: int) -> None:
        """Writes the clips of a part, and last the manifest, which marks the part as complete."""
        skipped: list[tuple[str, str]] = []
        counts: list[int] = []
        pending: list[tuple[Clips, int]] = []

        def report(name: str, reason: str) -> None:
            skipped.append((name, reason))
            tqdm.write(f"skipped {name}: {reason}")

        def flush(minimum: int) -> None:
            """Writes files as long as at least so many clips are pending."""
            while len(pending) >= minimum:
                batch = pending[: self.size]
                collate(batch).write(self._file(number, len(counts)))
                counts.append(len(batch))
                del pending[: self.size]

        for video in self.parts[number].read(report):
            clips = self._encoded(video, report)
            pending += [(clips, i) for i in range(len(clips))] if clips else []
            flush(self.size)
        flush(1)
        with replacing(self._manifest(number)) as partial:
            partial.write_text(json.dumps(asdict(Manifest(counts, skipped)), indent=2) + "\n", encoding="utf-8")

    def _encoded(self, video: Video, report: Report) -> Clips | None:
        try:
            windows = read_windows(video, self.format, self.windows)
        except UNREADABLE as error:
            report(video.name, str(error))
            return None
        return self.encoder(windows, [(video.caption, video.caption)] * len(windows))

    def _file(self, part: int, number: int) -> Path:
        return self.folder / f"{part:05d}-{number:03d}.pt"

    def _manifest(self, part: int) -> Path:
        return self.folder / f"{part:05d}.json"


class Stills:
    """Single frames of clips, as images for the spatial stage."""

    frames = 1

    def __init__(self, clips: VideoClips):
        self.clips = clips

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        clips = self.clips.draw(size, step, rng)
        frames = torch.tensor([rng.randrange(self.clips.frames) for _ in range(size)])
        latents = clips.latents[torch.arange(size), :, frames][:, :, None]
        return Clips(latents, clips.motion[:, :0], clips.appearance[:, :1, :1], clips.captions)
