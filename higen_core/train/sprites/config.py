"""The trainings' options on the emoji data set: those on videos, plus what only sprites can do."""

from __future__ import annotations

from dataclasses import dataclass

from ...aliases import renamed_value
from ..config import CLIPTraining, ClipTraining, DenoiserTraining, VAETraining, check_choice, check_range, option
from ..distillation.config import DistillTraining
from .scenes import PAIR_TYPES

FIXED = ("frames", "fps", "width", "height", "motion_scale", "similarity_floor")
"""Options of a denoiser's training that the data set decides."""


DATA = "sprites, the emoji data set"


@dataclass(frozen=True, kw_only=True)
class SpriteVAETraining(VAETraining):
    """The autoencoder, on single frames of sprites. Size, rate and windows of videos have no effect."""

    data: str = option("sprites", DATA, "refuse")
    denoiser: str = option(
        "",
        "with parts = decoder: mini or a file; every second batch then has this denoiser's residuals in its latents",
        "refuse",
    )
    clip: str = option("", "the towers of that denoiser: mini, or a file; none: clip.safetensors in out", "refuse")
    residuals: int = option(1024, "clips to compute denoising residuals of; done once and kept in out", "refuse")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, 4, float("inf"), "residuals")
        if self.denoiser and self.parts == "both":
            raise ValueError(f"denoiser = {self.denoiser} needs parts = decoder")


@dataclass(frozen=True, kw_only=True)
class SpriteCLIPTraining(CLIPTraining):
    """The text and image towers, on frames of sprites and captions. Size, rate and windows of videos have no effect."""

    data: str = option("sprites", DATA, "refuse")
    towers: str = option("both", "both, or text: image embeddings, and so appearance cues, stay the same", "refuse")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "towers", ("both", "text"))


@dataclass(frozen=True, kw_only=True)
class SpriteDenoiserTraining(DenoiserTraining):
    """The denoiser, both stages, on sprites, whose frames, size and cue scales are fixed."""

    data: str = option("sprites", DATA, "refuse")
    keep: str = option(
        "all", "of init: all, or spatial: temporal layers, prior and cues are initialized anew", "refuse"
    )
    paired_clips: int = option(0, "per batch, pairs of clips that differ in one attribute, under the same noise")
    pair_types: tuple[str, ...] = option(
        PAIR_TYPES, "what pairs differ in; a name given twice is twice as likely", "refuse"
    )
    shards: int = option(16, "files of clips in all")
    grow: int = option(20, "steps after which one more of these files is drawn")
    prior_strength: float = option(1.0, "factor of the clips' prior; 0: frames are generated from the text alone")

    def __post_init__(self) -> None:
        for name in ("keep", "pair_types"):
            object.__setattr__(self, name, renamed_value(name, getattr(self, name)))
        super().__post_init__()
        _check_fixed(self)
        check_choice(self, "keep", ("all", "spatial"))
        if self.keep == "spatial" and not self.init:
            raise ValueError("keep = spatial needs init: without it there is nothing to keep")
        if unknown := sorted(set(self.pair_types) - set(PAIR_TYPES)):
            raise ValueError(f"pair_types may be {', '.join(PAIR_TYPES)}, got {unknown[0]!r}")
        if not self.pair_types:
            raise ValueError(
                f"pair_types is empty: name at least one of {', '.join(PAIR_TYPES)}, or set paired_clips = 0"
            )
        check_range(self, 0, float("inf"), "paired_clips")
        check_range(self, 1, float("inf"), "shards", "grow")
        check_range(self, 0, 1, "prior_strength")


@dataclass(frozen=True, kw_only=True)
class SpriteDistillTraining(DistillTraining):
    """Distillation on sprites, whose frames, size and cue scales are fixed."""

    data: str = option("sprites", DATA, "refuse")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_fixed(self)


def _check_fixed(config: ClipTraining) -> None:
    for name in FIXED:
        if getattr(config, name) is not None:
            raise ValueError(f"{name} cannot be set for sprites: the data set decides it")
