"""What weights were trained on, as the metadata of their file states it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from reprlib import repr as short_repr
from typing import Any

from ..aliases import ALIASES, renamed
from .config import SamplingConfig
from .prompts import PromptGuide
from .schedules import FittedSchedule

SPACINGS = ("leading", "trailing")
"""Spacings of the time steps that a sampler visits; see `diffusion.schedule.timesteps`."""


@dataclass(frozen=True)
class ModelInfo:
    """What weights were trained on. The defaults are those of the released weights, which have no metadata.

    Attributes:
        frames, fps, width, height: size of the training clips; width and height in pixels, fps in frames per second.
        motion_scale: motion cue per unit of mean absolute pixel change, pixels in [0, 1].
        similarity_floor: cosine similarity of image embeddings that maps to appearance 0; None if it was not measured.
        motion_response: pairs (motion cue, measured motion), both rising, 0..1000: what a constant motion cue gives on
            average; empty if it was not measured. See `cues.response`.
        noise_correlation: motion at which a frame keeps 1/e of the previous frame's noise; 0 for independent noise.
        appearance_guidance: default guidance scale on the appearance cue; None for weights that were trained without
            null appearance cues and therefore cannot be guided on it.
        timestep_spacing: "leading" or "trailing"; see `diffusion.schedule.timesteps`.
        rgb_factors, rgb_bias: linear map from scaled latents to colors in [-1, 1] for previews, (c, 3) and (3,); None
            for Stable Diffusion's.
        sampling: how the weights are best sampled.
        schedules: by preset of `diffusion.acceleration`, the schedule of few steps that was fitted to the weights.
        vocabulary: words of the training captions; empty if unknown.
        prompts: how the training captions combined these words.
        steps: optimizer steps of the training.
        training: options of the training run by name.
        extra: metadata under keys that this version does not use, unchanged.

    Raises:
        ValueError: an attribute has a value outside its range; the message names both.
    """

    frames: int = 32
    fps: float = 8
    width: int = 448
    height: int = 256
    motion_scale: float = 10_000
    similarity_floor: float | None = None
    motion_response: tuple[tuple[float, float], ...] = ()
    noise_correlation: float = 0.0
    appearance_guidance: float | None = None
    timestep_spacing: str = "leading"
    rgb_factors: tuple[tuple[float, ...], ...] | None = None
    rgb_bias: tuple[float, ...] | None = None
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    schedules: Mapping[str, FittedSchedule] = field(default_factory=dict)
    vocabulary: tuple[str, ...] = ()
    prompts: PromptGuide = field(default_factory=PromptGuide)
    steps: int | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("motion_response", "rgb_factors", "rgb_bias", "vocabulary"):
            object.__setattr__(self, name, _as_tuple(getattr(self, name)))
        for name, kind in (("sampling", SamplingConfig), ("prompts", PromptGuide)):
            if isinstance(value := getattr(self, name), Mapping):
                object.__setattr__(self, name, kind.from_dict(dict(value)))
        if isinstance(self.schedules, Mapping):
            object.__setattr__(self, "schedules", {name: _schedule(value) for name, value in self.schedules.items()})
        for name, (requirement, is_valid) in REQUIREMENTS.items():
            if not is_valid(value := getattr(self, name)):
                raise ValueError(f"{name} of the weights must be {requirement}, got {short_repr(value)}")
        for key in self.extra:
            if ALIASES.get(key, key) in {*REQUIREMENTS, "config"}:
                raise ValueError(f"{key} cannot be a key of extra, it has a meaning of its own")

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> ModelInfo:
        """Reads the metadata of a file of weights; its `config` is ignored, names of earlier versions are understood.

        Raises:
            ValueError: a value outside the range of its key; the message names both.
        """
        values = renamed(metadata, REQUIREMENTS)
        values.pop("config", None)
        extra = {key: values.pop(key) for key in list(values) if key not in REQUIREMENTS}
        return cls(**values, extra=extra)

    def to_metadata(self) -> dict[str, Any]:
        """Metadata that `from_metadata` reads as an equal ModelInfo. Attributes that are None or empty are left
        out, as are recommended settings that are those of the released weights."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "extra"}
        for name, released in (("sampling", SamplingConfig()), ("prompts", PromptGuide())):
            values[name] = {} if values[name] == released else values[name].to_dict()
        values["schedules"] = {name: schedule.to_dict() for name, schedule in self.schedules.items()}
        return {name: value for name, value in values.items() if value not in (None, (), {})} | dict(self.extra)


def _as_tuple(value: Any, depth: int = 2) -> Any:
    """Lists, as JSON has them, become tuples, also inside of one another."""
    is_list = depth and isinstance(value, list | tuple)
    return tuple(_as_tuple(entry, depth - 1) for entry in value) if is_list else value


def _schedule(value: Any) -> Any:
    return FittedSchedule.from_dict(value) if isinstance(value, Mapping) else value


def _is_number(value: Any) -> bool:
    """NaN, infinity and numbers that overflow in computations are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_color(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(map(_is_number, value))


def _is_response(value: Any) -> bool:
    """Whether it is empty, or at least two pairs of numbers in 0..1000 that rise in both columns."""
    if value == ():
        return True
    if not isinstance(value, tuple) or len(value) < 2:
        return False
    if not all(isinstance(pair, tuple) and len(pair) == 2 and all(map(_is_number, pair)) for pair in value):
        return False
    within = all(0 <= number <= 1000 for pair in value for number in pair)
    return within and all(a < b for low, high in pairwise(value) for a, b in zip(low, high, strict=True))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


Requirement = tuple[str, Callable[[Any], bool]]
LARGEST, SMALLEST = 1e9, 1e-6
"""Bounds of all numbers, and of those that something is divided by."""
_POSITIVE_INTEGER: Requirement = ("a positive integer", lambda v: _is_integer(v) and 0 < v <= LARGEST)
_POSITIVE: Requirement = ("a positive number", lambda v: _is_number(v) and v >= SMALLEST)

REQUIREMENTS: dict[str, Requirement] = {
    "frames": _POSITIVE_INTEGER,
    "fps": _POSITIVE,
    "width": _POSITIVE_INTEGER,
    "height": _POSITIVE_INTEGER,
    "motion_scale": _POSITIVE,
    "similarity_floor": ("a number in [-1, 1), or none", lambda v: v is None or (_is_number(v) and -1 <= v < 1)),
    "motion_response": ("a list of two or more pairs of numbers from 0 to 1000, rising in both columns", _is_response),
    "noise_correlation": ("0 or a positive number", lambda v: _is_number(v) and (v == 0 or v >= SMALLEST)),
    "appearance_guidance": ("a non-negative number, or none", lambda v: v is None or (_is_number(v) and v >= 0)),
    "timestep_spacing": (f"one of {', '.join(SPACINGS)}", lambda v: v in SPACINGS),
    "rgb_factors": (
        "a list of rows of 3 numbers, or none",
        lambda v: v is None or (isinstance(v, tuple) and len(v) > 0 and all(map(_is_color, v))),
    ),
    "rgb_bias": ("a list of 3 numbers, or none", lambda v: v is None or _is_color(v)),
    "sampling": ("a mapping of settings to values", lambda v: isinstance(v, SamplingConfig)),
    "schedules": (
        "a mapping of presets to fitted schedules",
        lambda v: isinstance(v, Mapping) and all(isinstance(schedule, FittedSchedule) for schedule in v.values()),
    ),
    "vocabulary": ("a list of words", lambda v: isinstance(v, tuple) and all(isinstance(word, str) for word in v)),
    "prompts": ("a mapping of their parts", lambda v: isinstance(v, PromptGuide)),
    "steps": ("a non-negative integer, or none", lambda v: v is None or (_is_integer(v) and v >= 0)),
    "training": ("a mapping of names to values", lambda v: isinstance(v, Mapping)),
}
"""Every attribute but `extra`: what its value must be, in words, and the test of a value."""
