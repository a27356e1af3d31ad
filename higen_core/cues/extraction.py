"""Cues measured on a video, so that another video can follow its motion and its change of appearance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..media.video_reader import TIME_TOLERANCE, TimedFrame, VideoReader, VideoSource, open_video, trimmed
from ..models.info import ModelInfo
from .cues import Cues
from .measures import MOTION_SCALE, motion_cue, similarity
from .scene_cuts import SceneCutDetector, interpolate_steps
from .shown import Shown, shown_at

if TYPE_CHECKING:
    from ..models.clip import CLIP

MAX_SAMPLES = 1_000_000
"""Images that are measured at most: 35 hours at 8 fps."""
REPORT_EVERY = 1000
"""Images after which progress is reported, even if they all are of one frame of the source."""
ImageEncoder = Callable[[Tensor], Tensor]
"""Images (b, h, w, 3) in [0, 1] -> embeddings (b, d)."""


@dataclass(frozen=True)
class ExtractedCues(Cues):
    """Cues of a video and its scene cuts.

    Attributes:
        cuts: indices into `motion` of the steps that contain a scene cut, rising.
        cut_seconds: seconds from the start of the video at which the first frame after each cut appears.
    """

    cuts: tuple[int, ...] = ()
    cut_seconds: tuple[float, ...] = ()


def cue_options(info: ModelInfo) -> dict[str, Any]:
    """Options of `extract_cues` that suit a model. Without a similarity floor, appearance is the plain cosine."""
    return {
        "frames": info.frames,
        "fps": info.fps,
        "scale": info.motion_scale,
        "floor": info.similarity_floor or 0.0,
    }


@torch.no_grad()
def extract_cues(
    source: VideoSource,
    image_encoder: ImageEncoder | CLIP | None = None,
    *,
    frames: int | None = None,
    fps: float = 8.0,
    source_fps: float | None = None,
    trim: tuple[float, float] = (0.0, 0.0),
    start: float = 0.0,
    whole: bool = False,
    scale: float = MOTION_SCALE,
    floor: float = 0.0,
    blur: float = 0.0,
    mask_cuts: bool = False,
    on_progress: Callable[[int, int | None], object] | None = None,
) -> ExtractedCues:
    """Motion and appearance cues of a video, at the frame rate and length of a model.

    The video is read once and frame by frame, so memory does not grow with its length.

    Args:
        source: frames (f, h, w, c) or an iterable of images, floats in [0, 1] or uint8, or a video file. Gray is read
            as three equal channels, transparent pixels as black.
        image_encoder: embeds images for the appearance cue, (b, h, w, 3) -> (b, d), or a CLIP of `load_clip`; None for
            the image tower of the bundled weights.
        frames: number of frames that the cues are for; None for as many as the video has at `fps`.
        fps: frames per second of the model. A source with a higher rate is sampled at the model's times; one with a
            lower rate is interpolated linearly between its frames.
        source_fps: frames per second of a source that is not a file; None is `fps`.
        trim: start and duration, in seconds, of the part of the source that is the video; duration 0 is up to the end.
        start: seconds to skip at the beginning of the video.
        whole: measure the whole video at `fps` and average motion down (or repeat it up) to `frames`, in place of
            measuring the first `frames` / `fps` seconds.
        scale: motion cue per mean absolute change of a pixel in [0, 1]; `ModelInfo.motion_scale`.
        floor: cosine similarity that becomes appearance 0; `ModelInfo.similarity_floor`.
        blur: standard deviation, in pixels, of a Gaussian blur before motion is measured. It leaves the motion of edges
            unchanged and reduces that of white noise to 1 / (2 sqrt(pi) blur): 28 % at 1 pixel, 14 % at 2.
        mask_cuts: interpolate motion at scene cuts from the steps beside them. Appearance is not changed.
        on_progress: called with (frames measured, frames to measure or None) for every frame that is read. An
            exception from it ends the measurement.

    Raises:
        ValueError: an option out of range, or a video that is too short, damaged or has invalid pixels; the message
            says what and where.
        FileNotFoundError: no such file.
    """
    _check_options(frames, fps, source_fps, trim, start, scale, floor, blur)
    video = open_video(source, source_fps or fps)
    if any(trim):
        video = trimmed(video, *trim)
    samples = _sample_count(video, frames, fps, start, whole)
    indices = _evenly_spaced(samples, frames) if samples and frames else None
    measured = _Measurement(_as_encoder(image_encoder), blur, frozenset(indices) if indices else None)
    detector = SceneCutDetector()
    source_frames = detector.observe(video.read(start))
    if on_progress:
        source_frames = _reporting(source_frames, lambda: on_progress(measured.count, samples))
    times = (start + i / fps for i in (count() if samples is None else range(samples)))
    hold = min(1 / fps, 1 / video.rate)
    for shown in shown_at(source_frames, times, hold, blend=video.rate < fps, tolerance=video.tolerance):
        if on_progress and measured.count % REPORT_EVERY == 0:
            on_progress(measured.count, samples)
        measured.add(shown)
        _check_count(video, measured.count, fps)
    _check_length(video, measured.count, samples, fps, start)
    if on_progress:
        on_progress(measured.count, samples)

    appearance = similarity(measured.embedded(indices), floor).cpu()
    changes = torch.tensor(measured.changes, dtype=torch.float64)
    cut_seconds = [s for s in detector.cut_times() if _step_at(s, start, fps) in range(len(changes))]
    cut_steps = [_step_at(s, start, fps) for s in cut_seconds]
    if mask_cuts:
        changes = interpolate_steps(changes, cut_steps)
    steps = len(appearance) - 1
    if len(changes) != steps:
        cut_steps = [step * steps // len(changes) for step in cut_steps]
        changes = F.adaptive_avg_pool1d(changes[None], steps)[0]
    cuts = tuple(dict.fromkeys(cut_steps))
    return ExtractedCues(motion_cue(changes, scale), appearance, cuts=cuts, cut_seconds=tuple(cut_seconds))


@dataclass
class _Measurement:
    """Measures images one by one and keeps none but the last."""

    encode: ImageEncoder
    blur: float
    indices: frozenset[int] | None
    """Images to embed; None for all."""
    count: int = 0
    changes: list[float] = field(default_factory=list)
    """Mean absolute change of a pixel from each image to the next."""
    embeddings: dict[int, Tensor] = field(default_factory=dict)
    previous: Shown | None = None
    image: Tensor | None = None
    """The blurred previous image, once it is needed."""
    change_between: float | None = None
    """Mean change from one frame to the next, between which the previous image lies, once it is needed."""

    def add(self, shown: Shown) -> None:
        if self.indices is None or self.count in self.indices:
            self.embeddings[self.count] = self.encode(shown.image()[None])[0]
        if self.previous is not None:
            self.changes.append(self._change(self.previous, shown))
        self.previous = shown
        self.count += 1

    def _change(self, before: Shown, now: Shown) -> float:
        """Between two frames images change evenly, so that each pair of frames is compared once, however long a
        frame is held."""
        if now.lies_between_the_frames_of(before):
            if now.weight == before.weight:
                return 0.0
            if self.change_between is None:
                self.change_between = mean_change(blurred(now.first, self.blur), blurred(now.second, self.blur))
            self.image = None
            return (now.weight - before.weight) * self.change_between
        earlier = blurred(before.image(), self.blur) if self.image is None else self.image
        self.image, self.change_between = blurred(now.image(), self.blur), None
        return mean_change(earlier, self.image)

    def embedded(self, indices: Sequence[int] | None) -> Tensor:
        """Embeddings of the images at `indices`, None for all: (f, d)."""
        return torch.stack([self.embeddings[i] for i in indices or range(self.count)])


def mean_change(before: Tensor, after: Tensor) -> float:
    """Mean absolute change of a pixel from one image (h, w, 3) to another."""
    return float((after - before).abs_().mean())


def blurred(image: Tensor, sigma: float) -> Tensor:
    """(h, w, c) through a Gaussian filter of `sigma` pixels, reflected at the border; 0 returns the image."""
    if not sigma:
        return image
    from kornia.filters import gaussian_blur2d

    radius = min(round(4 * sigma), min(image.shape[:2]) - 1)  # reflection needs a smaller radius than the image
    size = 2 * max(radius, 1) + 1
    channels = rearrange(image, "h w c -> 1 c h w")
    return rearrange(gaussian_blur2d(channels, (size, size), (sigma, sigma)), "1 c h w -> h w c")


def _as_encoder(image_encoder: ImageEncoder | CLIP | None) -> ImageEncoder:
    """The encoder itself, or `encode_image` of a CLIP; None for that of the bundled weights."""
    if image_encoder is None:
        image_encoder = _bundled_clip()
    return getattr(image_encoder, "encode_image", image_encoder)


@lru_cache(maxsize=1)
def _bundled_clip() -> CLIP:
    from ..weights.checkpoint import load_clip

    return load_clip("mini")


def _sample_count(video: VideoReader, frames: int | None, fps: float, start: float, whole: bool) -> int | None:
    """Number of frames to measure; None for all until the video ends."""
    if frames is None:
        _check_count(video, int((video.duration or 0) * fps), fps)
    if not whole or frames is None:
        return frames
    duration = video.length()
    if duration is None:
        raise ValueError(f"{video.name}: whole needs a video of known length: a tensor or another file format")
    last = duration - start - max(1 / fps, 1 / video.rate)
    return _check_count(video, max(2, int(last * fps + TIME_TOLERANCE) + 1), fps)


def _check_count(video: VideoReader, samples: int, fps: float) -> int:
    """The number of images to measure; raises ValueError for more than any video has."""
    if samples > MAX_SAMPLES:
        raise ValueError(
            f"{video.name}: its time stamps make it more than {MAX_SAMPLES / fps / 3600:,.0f} hours long, which is too "
            f"much to measure at {fps:g} fps. If there is a gap between the time stamps, write the file anew, or "
            "measure a number of frames from start"
        )
    return samples


def _evenly_spaced(samples: int, n: int) -> list[int]:
    """n indices from 0 to samples - 1, both included."""
    return [(2 * i * (samples - 1) + n - 1) // (2 * (n - 1)) for i in range(n)]


def _step_at(seconds: float, start: float, fps: float) -> int:
    """The motion step that ends with the first sample at or after this time: step i ends at sample i + 1."""
    return math.ceil((seconds - TIME_TOLERANCE - start) * fps) - 1


def _reporting(frames: Iterable[TimedFrame], report: Callable[[], object]) -> Iterator[TimedFrame]:
    for frame in frames:
        report()
        yield frame


def _check_options(
    frames: int | None,
    fps: float,
    source_fps: float | None,
    trim: tuple[float, float],
    start: float,
    scale: float,
    floor: float,
    blur: float,
) -> None:
    if frames is not None and frames < 2:
        raise ValueError(f"frames must be at least 2, got {frames}")
    for name, value in (("fps", fps), ("source_fps", fps if source_fps is None else source_fps), ("scale", scale)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a positive number, got {value}")
    times = (("start of trim", trim[0]), ("duration of trim", trim[1]), ("start", start))
    for name, value in (*times, ("blur", blur)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be 0 or more, got {value}")
    if not -1 <= floor < 1:
        raise ValueError(f"floor must be a cosine from -1 to below 1, got {floor}")


def _check_length(video: VideoReader, measured: int, samples: int | None, fps: float, start: float) -> None:
    needed = samples or 2
    if measured < needed:
        duration = f" and lasts {video.duration:.2f} s" if video.duration else ""
        raise ValueError(
            f"{video.name}: {needed} frames at {fps:g} fps from {start:g} s on are needed, but it has only {measured} "
            f"(the video has {video.rate:g} fps{duration}). Use fewer frames, an earlier start, or the whole video"
        )
