"""Cues measured on footage (DESIGN: how this project defines them): what a clip does, for another one to do as well."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .cues import MOTION_SCALE, Cues, motion_cue, similarity
from .footage import Footage, Source, Timed, open_footage

ImageEncoder = Callable[[Tensor], Tensor]
"""Pictures (b, h, w, 3) in [0, 1] -> embeddings (b, d)."""

THUMBNAIL = 16
"""Side, in cells, of the picture on which scene cuts are looked for: too coarse for most motion to show."""
CUT_CHANGE, CUT_RATIO = 0.06, 3.0
"""A cut changes a thumbnail by at least this much of full scale, and by so many times more than the steps beside it."""
ROUNDING = 4e-4  # seconds; some containers round times to milliseconds


@dataclass(frozen=True)
class ExtractedCues(Cues):
    """Cues of footage. A cut is told as the motion step it falls into, and as the time of the first picture after it.

    cuts: indices into `motion`, rising.
    cut_seconds: seconds since the footage began.
    """

    cuts: tuple[int, ...] = ()
    cut_seconds: tuple[float, ...] = ()


def cue_options(info: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `extract_cues` for a model, from its `info`. Weights without a similarity floor get plain cosines."""
    return {
        "frames": info["frames"],
        "fps": info["fps"],
        "scale": info["motion_scale"],
        "floor": info.get("similarity_floor", 0.0),
    }


@torch.no_grad()
def extract_cues(
    source: Source,
    image_encoder: ImageEncoder | None = None,
    *,
    frames: int | None = None,
    fps: float = 8.0,
    source_fps: float | None = None,
    start: float = 0.0,
    whole: bool = False,
    scale: float = MOTION_SCALE,
    floor: float = 0.0,
    blur: float = 0.0,
    mask_cuts: bool = False,
    watch: Callable[[int, int | None], object] | None = None,
) -> ExtractedCues:
    """Motion and appearance cues of footage, at a model's rate and length.

    Each picture is looked at once and alone, so the result does not depend on how the footage is cut into batches, and
    memory does not grow with its length.

    Args:
        source: frames (f, h, w, c) or pictures one by one, floats in [0, 1] or uint8, or a video file. Grey is read as
            three equal channels, transparent as black.
        image_encoder: what appearance is judged by, (b, h, w, 3) -> (b, d); none is the bundled image tower.
        frames: how many frames the cues are for; none: as many as there are.
        fps: the model's rate in frames per second. A faster source is thinned to the pictures shown at each time, a
            slower one is blended.
        source_fps: rate of the source; none is `fps`. A file knows its own.
        start: seconds to leave out.
        whole: squeeze or stretch the cues of all the footage into `frames`, by averaging motion as measured at `fps`,
            in place of the first `frames` / `fps` seconds.
        scale: motion cue per mean absolute change of a pixel; the model's `motion_scale`.
        floor: cosine similarity that reads as appearance 0; the model's `similarity_floor`.
        blur: standard deviation in pixels of a Gaussian blur before motion is measured. Moving edges read the same;
            white noise reads 28 % of what it did at 1 pixel, 14 % at 2: 1 / (2 sqrt(pi) blur).
        mask_cuts: fill motion at scene cuts from the steps beside them. Appearance always shows a cut.
        watch: called with (frames done, frames in all or none) for every picture read; may raise to cancel.

    Raises:
        ValueError: the footage is too short, damaged or has bad pixels; the message says what and where.
    """
    _check(frames, fps, source_fps, start, scale, floor, blur)
    footage = open_footage(source, source_fps or fps)
    samples = _samples(footage, frames, fps, start, whole)
    picks = None if samples is None else _spread(samples, frames or samples)
    cuts = CutFinder()
    pictures = cuts.watching(footage.read(start))
    changes: list[float] = []
    if watch:
        pictures = _reporting(pictures, lambda: watch(len(changes), samples))
    times = (start + i / fps for i in (count() if samples is None else range(samples)))
    shown = shown_at(pictures, times, hold=min(1 / fps, 1 / footage.rate), blend=footage.rate < fps)
    embeddings = _measure(shown, _encoder(image_encoder), picks, blur, changes)
    looked_at = len(changes) + bool(embeddings)
    _check_length(footage, looked_at, samples, fps, start)
    if watch:
        watch(looked_at, samples)
    if picks:
        embeddings = [embeddings[sorted(set(picks)).index(i)] for i in picks]
    appearance = similarity(torch.stack(embeddings), floor).cpu()
    at = [second for second in cuts.seconds() if _step_of(second, start, fps) in range(len(changes))]
    steps = [_step_of(second, start, fps) for second in at]
    change = torch.tensor(changes, dtype=torch.float64)
    if mask_cuts:
        change = without_steps(change, steps)
    if len(change) != len(appearance) - 1:
        change = F.adaptive_avg_pool1d(change[None], len(appearance) - 1)[0]
        steps = [step * (len(appearance) - 1) // len(changes) for step in steps]
    return ExtractedCues(motion_cue(change, scale), appearance, tuple(dict.fromkeys(steps)), tuple(at))


def _measure(
    shown: Iterable[Tensor], encode: ImageEncoder, picks: Sequence[int] | None, blur: float, changes: list[float]
) -> list[Tensor]:
    """Adds the mean change to each picture from the one before to `changes`; returns the embeddings of `picks`."""
    embeddings, before = [], None
    for i, picture in enumerate(shown):
        if picks is None or i in picks:
            embeddings.append(encode(picture[None])[0])
        picture = blurred(picture, blur)
        if before is not None:
            changes.append(float((picture - before).abs().mean()))
        before = picture
    return embeddings


def shown_at(pictures: Iterable[Timed], times: Iterable[float], hold: float, blend: bool) -> Iterator[Tensor]:
    """The picture on the screen at each of the rising times, until the last one has been there for `hold` seconds.

    With `blend` a picture turns into the next one evenly, as in slow motion: footage of few frames a second would
    otherwise read as standing still and jumping.
    """
    times = iter(times)
    wanted = next(times, None)
    before: Timed | None = None
    for now in pictures:
        while wanted is not None and now[0] > wanted + ROUNDING:
            seconds, picture = before or now
            gone = (wanted - seconds) / (now[0] - seconds) if blend and now[0] > seconds else 0.0
            yield torch.lerp(picture, now[1], gone) if gone > 0 else picture
            wanted = next(times, None)
        if wanted is None:
            return
        before = now
    while before and wanted is not None and wanted < before[0] + hold - ROUNDING:
        yield before[1]
        wanted = next(times, None)


class CutFinder:
    """Looks for scene cuts in pictures that pass by: single steps that change much more than the steps beside them.

    So a dissolve, a flash or fast motion is no cut. Nothing but one number a picture is kept.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self.steps: list[float] = []  # mean change of the thumbnail up to each picture; 0 for the first

    def watching(self, pictures: Iterable[Timed]) -> Iterator[Timed]:
        before = None
        for seconds, picture in pictures:
            thumbnail = F.adaptive_avg_pool2d(rearrange(picture, "h w c -> c h w"), THUMBNAIL)
            self.times.append(seconds)
            self.steps.append(0.0 if before is None else float((thumbnail - before).abs().mean()))
            before = thumbnail
            yield seconds, picture

    def seconds(self) -> list[float]:
        """Time of the first picture after each cut. Two pictures alone are not enough to tell."""
        found = []
        for i in range(1, len(self.steps)):
            beside = self.steps[max(i - 1, 1) : i] + self.steps[i + 1 : i + 2]
            if beside and self.steps[i] >= max(CUT_CHANGE, CUT_RATIO * max(beside)):
                found.append(self.times[i])
        return found


def without_steps(change: Tensor, steps: Sequence[int]) -> Tensor:
    """Values at `steps` replaced by a straight line between those beside them; (n,), all of it masked gives 0."""
    kept = [i for i in range(len(change)) if i not in set(steps)]
    if not kept:
        return torch.zeros_like(change)
    import numpy as np

    return torch.from_numpy(np.interp(np.arange(len(change)), kept, change[kept].numpy()))


def blurred(picture: Tensor, sigma: float) -> Tensor:
    """(h, w, c) through a Gaussian of standard deviation `sigma` pixels, mirrored at the border; 0 is no blur."""
    if not sigma:
        return picture
    from kornia.filters import gaussian_blur2d

    reach = min(round(4 * sigma), min(picture.shape[:2]) - 1)  # what can be mirrored
    size = 2 * max(reach, 1) + 1
    channels = rearrange(picture, "h w c -> 1 c h w")
    return rearrange(gaussian_blur2d(channels, (size, size), (sigma, sigma)), "1 c h w -> h w c")


def _encoder(image_encoder: Any) -> ImageEncoder:
    """An image tower of `load_clip` may stand for its `encode_image`."""
    if image_encoder is None:
        image_encoder = _bundled_tower()
    return getattr(image_encoder, "encode_image", image_encoder)


@lru_cache(maxsize=1)
def _bundled_tower() -> Any:
    from .checkpoint import load_clip

    return load_clip("mini")


def _samples(footage: Footage, frames: int | None, fps: float, start: float, whole: bool) -> int | None:
    """How many pictures to look at; none: to the end."""
    if not whole or frames is None:
        return frames
    if footage.seconds is None:
        raise ValueError(f"{footage.name}: whole needs footage that knows its length, a tensor or another file format")
    last = footage.seconds - start - max(1 / fps, 1 / footage.rate)
    return max(2, int(last * fps + ROUNDING) + 1)


def _spread(samples: int, frames: int) -> list[int]:
    """`frames` indices from the first to the last of `samples`."""
    return [(2 * i * (samples - 1) + frames - 1) // (2 * (frames - 1)) for i in range(frames)]


def _step_of(seconds: float, start: float, fps: float) -> int:
    """The motion step in which a picture that comes at this time appears: step i ends at sample i + 1."""
    return math.ceil((seconds - ROUNDING - start) * fps) - 1


def _reporting(pictures: Iterable[Timed], report: Callable[[], object]) -> Iterator[Timed]:
    for picture in pictures:
        report()
        yield picture


def _check(frames, fps, source_fps, start, scale, floor, blur) -> None:
    """Options that no footage could be measured with."""
    if frames is not None and frames < 2:
        raise ValueError(f"frames must be at least 2, got {frames}")
    for name, value in (("fps", fps), ("source_fps", fps if source_fps is None else source_fps), ("scale", scale)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a positive number, got {value}")
    for name, value in (("start", start), ("blur", blur)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be 0 or more, got {value}")
    if not -1 <= floor < 1:
        raise ValueError(f"floor must be a cosine from -1 to below 1, got {floor}")


def _check_length(footage: Footage, got: int, samples: int | None, fps: float, start: float) -> None:
    need = samples or 2
    if got < need:
        length = f" and a length of {footage.seconds:.2f} s" if footage.seconds else ""
        raise ValueError(
            f"{footage.name}: {need} frames at {fps:g} per second are wanted from {start:g} s on, but {got} are there: "
            f"it has {footage.rate:g} frames per second{length}. Ask for fewer frames or an earlier start, or use whole"
        )
