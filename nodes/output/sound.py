"""AUDIO, ComfyUI's type for sound, as sound of a video file: at any rate, mixed down to stereo, encoded in parts."""

from __future__ import annotations

import logging
import numbers
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import torch

LAYOUTS = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")
"""FFmpeg's layouts of 1 to 8 channels."""
HALF_POWER = 0.5**0.5
TO_STEREO = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (HALF_POWER, HALF_POWER),
    "BL": (HALF_POWER, 0.0),
    "SL": (HALF_POWER, 0.0),
    "BR": (0.0, HALF_POWER),
    "SR": (0.0, HALF_POWER),
    "BC": (0.5, 0.5),
    "LFE": (0.0, 0.0),
}
"""Share of each channel in left and right (ITU-R BS.775), before both are scaled so that they cannot clip."""
COMMON_RATE = 48_000
"""Sample rate in Hz that all encoders take."""


@dataclass(frozen=True)
class Sound:
    """Sound of any rate and layout.

    Attributes:
        waveform: (channels, samples), 1 to 8 channels; floats, or integers of their full range.
        rate: samples per second, in Hz.
    """

    waveform: torch.Tensor
    rate: int

    def samples(self, start: int, stop: int) -> np.ndarray:
        """A part as float32 in -1..1, (1 or 2, samples)."""
        part = self.waveform[:, start:stop].cpu()
        part = (part.float() / full_scale(part)).nan_to_num(0.0, 1.0, -1.0).clamp(-1, 1)
        if len(part) > 2:
            part = downmix_matrix(len(part)) @ part
        return np.ascontiguousarray(part.numpy())

    def all_samples(self) -> np.ndarray:
        """The whole sound as float32 in -1..1, (1 or 2, samples)."""
        return self.samples(0, self.waveform.shape[1])


def downmix_matrix(channels: int) -> torch.Tensor:
    """Weights (2, channels) of channels in FFmpeg's order in left and right."""
    names = [channel.name for channel in av.AudioLayout(LAYOUTS[channels - 1]).channels]
    weights = torch.tensor([TO_STEREO[name] for name in names]).T
    return weights / weights.sum(dim=1).max()


class UnreadableAudio(ValueError):
    """A node of a video passes its sound as a mapping that is read on access, and fails then if there is none."""


def read_audio(audio: Any) -> tuple[torch.Tensor, float]:
    """The waveform of AUDIO, (channels, samples) of any numbers, and its rate in Hz.

    Raises:
        UnreadableAudio: the mapping of another node fails.
        ValueError: it is not one sound.
    """
    try:
        waveform, rate = audio["waveform"], audio["sample_rate"]
    except Exception as error:  # mappings of other packs raise what they like
        raise UnreadableAudio(f"audio cannot be read: {error}. Check the node that loads it") from error
    check_numbers(waveform, rate)
    if waveform.ndim != 3 or waveform.shape[0] != 1 or not waveform.shape[1]:
        raise ValueError(f"audio must be one sound, (1, channels, samples), got waveform {tuple(waveform.shape)}")
    return waveform[0], rate


def full_scale(waveform: torch.Tensor) -> float:
    """The number in a waveform that is full scale: 1 of floats, the largest of integers."""
    return 1.0 if waveform.is_floating_point() else torch.iinfo(waveform.dtype).max


def read_sound(audio: Any, seconds: float) -> Sound | None:
    """The beginning of AUDIO; None, with a word in the log, if it turns out to have no sound.

    Raises:
        ValueError: it is not one sound of 1 to 8 channels.
    """
    if audio is None:
        return None
    try:
        waveform, rate = read_audio(audio)
    except UnreadableAudio as error:  # the video is saved all the same
        logging.warning("HiGen: the video is saved without sound, since %s", error)
        return None
    if len(waveform) > len(LAYOUTS):
        raise ValueError(
            f"audio must be one sound of 1 to {len(LAYOUTS)} channels, (1, channels, samples), "
            f"got waveform {(1, *waveform.shape)}"
        )
    sound = Sound(waveform[:, : round(seconds * rate)], round(rate))
    if not sound.waveform.shape[1]:
        logging.warning("HiGen: the video is saved without sound, since audio is empty")
        return None
    if len(sound.waveform) > 2:
        logging.warning("HiGen: the %d channels of audio are mixed down to stereo", len(sound.waveform))
    return sound


def check_numbers(waveform: Any, rate: Any) -> None:
    """Raises ValueError unless a waveform is a tensor of numbers and its rate a positive number of Hz."""
    if not isinstance(waveform, torch.Tensor) or waveform.is_complex() or waveform.dtype == torch.bool:
        kind = waveform.dtype if isinstance(waveform, torch.Tensor) else type(waveform).__name__
        raise ValueError(f"waveform of audio must be a tensor (1, channels, samples) of numbers, got {kind}")
    if not isinstance(rate, numbers.Real) or not 1 <= rate < 2**31:
        raise ValueError(f"sample_rate of audio must be a positive number of Hz, got {rate}")


class SoundEncoder:
    """A stream of a container that is fed with a sound, part by part."""

    def __init__(self, container: Any, codec: str, sound: Sound):
        rates = av.Codec(codec, "w").audio_rates or ()
        self.sound = sound
        self.layout = "mono" if len(sound.waveform) == 1 else "stereo"
        rate = sound.rate if sound.rate in rates else COMMON_RATE
        self.stream = container.add_stream(codec, rate=rate, layout=self.layout)
        self.position = 0

    def packets_until(self, seconds: Fraction) -> list[Any]:
        """Encodes the samples before this time that are not encoded yet; resampling to the rate of the stream."""
        packets = []
        end = min(round(seconds * self.sound.rate), self.sound.waveform.shape[1])
        while self.position < end:
            stop = min(self.position + self.sound.rate, end)
            samples = self.sound.samples(self.position, stop)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self.layout)
            frame.sample_rate, frame.pts = self.sound.rate, self.position
            frame.time_base = Fraction(1, self.sound.rate)
            self.position = stop
            packets += self.stream.encode(frame)
        return packets

    def last_packets(self) -> list[Any]:
        return self.stream.encode(None)
