"""Motion that follows a sound: its loudness, or the onsets of its notes and beats."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .curves import MOTION_MAX

MEASURES = ("loudness", "onsets")
QUIET = 40.0
"""dB below the loudest step at which loudness is 0."""
SILENCE = -60.0
"""dB of full scale; a sound that is nowhere louder is silence."""
HOP = 0.01
"""Seconds between the spectra that onsets are found in."""
MARGIN = 8 * HOP
"""Seconds after the last step that onsets in it may depend on, at most."""
BANDS = 24
"""Frequency bands from 30 Hz up, of equal width in octaves."""
LEAST_RISE = 3.0
"""dB by which all bands together rise at an onset of full strength, at least: fainter ones stay weak."""


def sound_motion(
    waveform: Tensor,
    rate: int,
    *,
    frames: int | None = None,
    fps: float = 8.0,
    start: float = 0.0,
    measure: str = "loudness",
    low: int = 0,
    high: int = MOTION_MAX,
    decay: float = 0.0,
) -> Tensor:
    """A motion cue that follows a sound, for `Cues` or `blend_cues`: (frames - 1,) int64.

    The step from frame i to i + 1 gets what is heard in between. Silence, a part that is silent, and steps after the
    end of the sound give `low`: nothing is amplified that is nowhere louder than -60 dB of full scale.

    Args:
        waveform: (channels, samples), floats of which 1 is full scale.
        rate: samples per second, in Hz.
        frames: number of frames of the video; None for as many as the sound lasts, from `start` on.
        fps: frames per second of the video.
        start: seconds to skip at the beginning of the sound.
        measure: "loudness" is the level in dB, from 40 dB below that of the loudest step to that step; "onsets" is how
            much the level rises in the frequency bands, beside the strongest rise. The beginning of the sound is one.
        low, high: motion, 0..1000, where the sound is quietest and strongest.
        decay: seconds in which motion falls to 1/e after the sound stops; 0 follows the sound at once.

    Raises:
        ValueError: an argument of the wrong shape or out of range; the message names it.
    """
    samples = _check(waveform, rate, frames, fps, start, measure, low, high, decay)
    first = min(round(start * rate), samples.shape[1])
    if frames is None:
        frames = sound_frames(samples.shape[1], rate, fps=fps, start=start)
    steps = frames - 1
    edges = first + np.rint(np.arange(steps + 1) / fps * rate).astype(int)
    levels = _levels(samples, rate, edges)
    if not levels.size or levels.max() <= SILENCE:
        return torch.full((steps,), low)
    strength = 1 + (levels - levels.max()) / QUIET if measure == "loudness" else _onsets(samples, rate, edges)
    strength = _decaying(strength.clip(0, 1), math.exp(-1 / (fps * decay)) if decay else 0.0)
    return torch.from_numpy(np.rint(low + (high - low) * strength).astype(np.int64))


def sound_frames(samples: int, rate: float, *, fps: float, start: float = 0.0) -> int:
    """The number of frames, at least 2, of a video that lasts as long as a sound of so many samples after `start`."""
    first = min(round(start * rate), samples)
    return max(2, math.ceil((samples - first) / rate * fps) + 1)


def _levels(samples: np.ndarray, rate: int, edges: np.ndarray) -> np.ndarray:
    """Level of each step, in dB of full scale: (steps,) for the samples at which steps begin and end, (steps + 1,)."""
    energy = np.concatenate([[0.0], np.square(samples).mean(axis=0).cumsum()])
    sums = np.diff(energy[edges.clip(max=len(energy) - 1)])
    return 10 * np.log10(sums / np.diff(edges).clip(min=1) + 1e-12)


def _onsets(samples: np.ndarray, rate: int, edges: np.ndarray) -> np.ndarray:
    """The strongest rise of the spectrum in each step, beside that of the clip: (steps,); `edges` as above.

    The sound around the clip counts too, so that cutting it makes no onset; the beginning of the sound itself is one.
    """
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    hop = max(1, round(HOP * rate))
    size = 4 * hop
    samples = np.pad(samples, ((0, 0), (size, size)))[:, edges[0] : edges[-1] + 2 * size]
    transform = ShortTimeFFT(hann(size), hop, fs=rate, scale_to="magnitude")
    inside = slice(transform.lower_border_end[1], transform.upper_border_begin(samples.shape[1])[1])
    power = transform.spectrogram(samples, p0=inside.start, p1=inside.stop).mean(axis=0)  # frequencies, times
    bands = np.digitize(transform.f, np.geomspace(30, rate / 2, BANDS + 1)[1:-1])
    decibels = 10 * np.log10(np.stack([power[bands == band].sum(axis=0) for band in np.unique(bands)]) + 1e-12)
    rises = np.diff(decibels.clip(min=decibels.max() - QUIET), axis=1).clip(min=0).mean(axis=0)
    rises = (rises - np.median(rises)).clip(min=0)
    times = hop * np.arange(inside.start + 1, inside.stop) - size + edges[0]
    step = np.searchsorted(edges, times, side="right") - 1
    known = (step >= 0) & (step < len(edges) - 1)
    strongest = np.zeros(len(edges) - 1)
    np.maximum.at(strongest, step[known], rises[known])
    return strongest / max(strongest.max(), LEAST_RISE)


def _decaying(strength: np.ndarray, factor: float) -> np.ndarray:
    """Values that fall by no more than a factor from one to the next."""
    result = strength.copy()
    for i in range(1, len(result)):
        result[i] = max(result[i], factor * result[i - 1])
    return result


def _check(
    waveform: Tensor,
    rate: int,
    frames: int | None,
    fps: float,
    start: float,
    measure: str,
    low: int,
    high: int,
    decay: float,
) -> np.ndarray:
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")
    if waveform.ndim != 2 or not len(waveform) or not waveform.is_floating_point():
        raise ValueError(
            f"waveform must be (channels, samples) of floats, got {waveform.dtype} of shape {tuple(waveform.shape)}"
        )
    if not torch.isfinite(waveform).all():
        raise ValueError("waveform has NaN or infinite values")
    if frames is not None and frames < 2:
        raise ValueError(f"frames must be at least 2, got {frames}")
    _check_numbers({"rate": rate, "fps": fps}, "a positive number", lambda value: 0 < value < math.inf)
    _check_numbers({"start": start, "decay": decay}, "0 or more", lambda value: 0 <= value < math.inf)
    _check_numbers({"low": low, "high": high}, f"between 0 and {MOTION_MAX}", lambda value: 0 <= value <= MOTION_MAX)
    if frames is not None:
        waveform = waveform[:, : math.ceil((start + frames / fps + MARGIN) * rate)]
    return waveform.detach().double().cpu().numpy()


def _check_numbers(values: dict[str, float], requirement: str, is_valid: Callable[[float], bool]) -> None:
    for name, value in values.items():
        if not is_valid(value):
            raise ValueError(f"{name} must be {requirement}, got {value}")
