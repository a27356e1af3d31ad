"""What can be set of each training: a frozen dataclass, filled from a TOML file and from flags.

Relative paths are seen from the folder that the command runs in.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from .sprites import TWINS

PRECISIONS = ("no", "bf16", "fp16")
DATA = "sprites, a folder of videos, a .csv or .jsonl, or WebDataset shards: a {00..99}.tar"


def knob(default: Any, told: str) -> Any:
    """A field that a user can set; `told` is its help. `...` as default: it has to be set."""
    return field(default=MISSING if default is ... else default, metadata={"help": told})


def _check_range(config: Any, low: float, high: float, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if value is not None and not low <= value <= high:
            raise ValueError(f"{name} must be in {low:g}..{high:g}, got {value}")


def _check_choice(config: Any, name: str, choices: tuple[str, ...]) -> None:
    if getattr(config, name) not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(config, name)!r}")


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """What all trainings share. A step is one update of the weights by one global batch."""

    name: ClassVar[str] = ""
    """The training's folder inside `out`."""

    out: Path = knob(..., "folder of weights, state, logs and caches; a run goes on where the last one in it stopped")
    steps: int = knob(..., "optimiser steps in all")
    lr: float = knob(..., "highest learning rate")
    warmup: int = knob(200, "steps until the learning rate is at its highest; a cosine to 0 follows")
    weight_decay: float = knob(0.01, "AdamW's decay of the weights")
    max_norm: float = knob(1.0, "longer gradients are cut to this norm")
    ema: float = knob(0.999, "share of the averaged weights that a step keeps, 0..1")
    accumulate: int = knob(1, "batches per process and step; times processes it is the global batch")
    precision: str = knob("bf16", "of the forward pass: no (fp32), bf16 or fp16")
    every: int = knob(500, "steps between two checkpoints")
    log_every: int = knob(10, "steps between two TensorBoard entries, each of which is their mean")
    sample_every: int = knob(0, "steps between two pictures of what the averaged weights make; 0: none")
    seed: int = knob(0, "of weights, data and noise")

    def __post_init__(self) -> None:
        _check_choice(self, "precision", PRECISIONS)
        _check_range(self, 0, 1, "ema")
        _check_range(self, 0, float("inf"), "steps", "warmup", "lr", "weight_decay", "sample_every")
        _check_range(self, 1, float("inf"), "accumulate", "every", "log_every")

    @property
    def folder(self) -> Path:
        return self.out / self.name


@dataclass(frozen=True, kw_only=True)
class PictureTraining(LoopConfig):
    """What the trainings on single frames share. What is only of videos says nothing of sprites, which are 64x64."""

    data: str = knob("sprites", DATA)
    network: str | dict[str, Any] = knob("mini", "mini, released, or a table with its sizes; unused with init")
    init: str = knob("", "weights to go on from: mini, or a file")
    width: int = knob(64, "of videos: pixels; they are shrunk and cropped to it")
    height: int = knob(64, "of videos: pixels")
    fps: float = knob(2.0, "of videos: frames taken per second")
    frames: int = knob(4, "of videos: frames taken from a clip; a shorter one is skipped")
    windows: int = knob(1, "of videos: clips cut from each, one after the other, as far as it is long enough")
    shard_frames: int = knob(1024, "of videos: frames of a file of cached pictures")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range(self, 1, float("inf"), "width", "height", "frames", "windows", "shard_frames")
        _check_range(self, 1e-6, float("inf"), "fps")


@dataclass(frozen=True, kw_only=True)
class VAETraining(PictureTraining):
    """The autoencoder, on single frames."""

    name: ClassVar[str] = "vae"

    steps: int = knob(2600, "optimiser steps in all")
    lr: float = knob(6e-4, "highest learning rate")
    ema: float = knob(0.998, "share of the averaged weights that a step keeps, 0..1")
    scenes: int = knob(8, "clips per batch, four frames of each (in every fourth batch a quarter as many, uncropped)")
    kl_weight: float = knob(3e-6, "pull of the latents to the unit Gaussian")
    edge_weight: float = knob(0.2, "weight of the error of differences between neighbouring pixels")
    parts: str = knob("both", "which to train: both, or decoder; then latents stay what they are, and denoisers fit")
    latent_noise: float = knob(0.0, "of the decoder alone: latents get up to so much noise, as denoisers leave some")
    denoiser: str = knob("", "sprites, decoder alone: every second batch as this denoiser returns it; mini, or a file")
    clip: str = knob("", "of denoiser: the towers that go with it; mini, or a file; none: clip.safetensors in out")
    leftovers: int = knob(1024, "of denoiser: clips that it returns; made once, then kept in out")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice(self, "parts", ("both", "decoder"))
        _check_range(self, 4, float("inf"), "scenes", "leftovers")
        _check_range(self, 0, float("inf"), "kl_weight", "edge_weight", "latent_noise")
        if self.parts == "decoder" and not self.init:
            raise ValueError("parts = decoder needs init: without it the encoder would stay random")
        if self.parts == "both" and self.latent_noise:
            raise ValueError(f"latent_noise = {self.latent_noise} needs parts = decoder: an encoder would outgrow it")
        if self.denoiser and (self.parts == "both" or self.data != "sprites"):
            raise ValueError(f"denoiser = {self.denoiser} needs parts = decoder and data = sprites")


@dataclass(frozen=True, kw_only=True)
class CLIPTraining(PictureTraining):
    """The text and image towers, on frames and their descriptions."""

    name: ClassVar[str] = "clip"

    steps: int = knob(800, "optimiser steps in all")
    lr: float = knob(1e-3, "highest learning rate")
    ema: float = knob(0.99, "share of the averaged weights that a step keeps, 0..1")
    pairs: int = knob(64, "pictures and descriptions per batch; each is told from the others of its batch")
    towers: str = knob("both", "which to train: both, or text; then appearance cues stay what they are")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice(self, "towers", ("both", "text"))
        _check_range(self, 2, float("inf"), "pairs")


@dataclass(frozen=True, kw_only=True)
class DenoiserTraining(LoopConfig):
    """The denoiser, both stages. What is none of a clip is as in the weights of `init`; sprites bring their own."""

    name: ClassVar[str] = "denoiser"

    steps: int = knob(6000, "optimiser steps in all")
    lr: float = knob(5e-4, "highest learning rate")
    ema: float = knob(0.998, "share of the averaged weights that a step keeps, 0..1")
    network: str | dict[str, Any] = knob("mini", "mini, released, or a table with its sizes; unused with init")
    init: str = knob("", "weights to go on from: mini, or a denoiser's file")
    keep: str = knob("all", "of init: all, or pictures: then temporal layers, prior and cues start anew")
    vae: str = knob("", "the autoencoder: mini, or a file; none: vae.safetensors in out")
    clip: str = knob("", "the text and image towers: mini, or a file; none: clip.safetensors in out")

    data: str = knob("sprites", DATA)
    frames: int | None = knob(None, "frames of a clip")
    fps: float | None = knob(None, "frames per second of a clip")
    width: int | None = knob(None, "pixels; videos are shrunk and cropped to it")
    height: int | None = knob(None, "pixels")
    motion_scale: float | None = knob(None, "motion cue per mean change of a pixel, of full scale")
    similarity_floor: float | None = knob(None, "cosine that reads as appearance 0; none without init: measured")
    windows: int = knob(1, "clips cut from each video, one after the other, as far as it is long enough")
    shard_frames: int = knob(4096, "frames of a file of cached latents")

    videos: int = knob(4, "clips per batch")
    twins: int = knob(0, "sprites only: per batch, pairs of clips that differ in one thing only, under the same noise")
    twin_kinds: tuple[str, ...] = knob(TWINS, "what twins differ in; a name given twice is twice as likely")
    pictures: int = knob(16, "pictures per batch, for the spatial stage")
    picture_steps: int = knob(1000, "first steps, on twice as many pictures and no clips")
    shards: int = knob(16, "sprites only: files of clips in all")
    grow: int = knob(20, "sprites only: steps after which one more of these files is drawn")

    caption_dropout: float = knob(0.1, "share of samples without a caption, so that guidance works")
    cue_dropout: float = knob(0.05, "share of clips whose motion, and of those whose appearance is not told")
    prior_strength: float = knob(1.0, "of the clips' prior; 0: frames come straight from the words")
    prior_dropout: float = knob(0.05, "share of clips whose prior is faded by a random strength")
    frozen: float = knob(0.0, "share of clips that show one of their frames only, with cues of no motion and no change")
    paused: float = knob(0.0, "share of clips that move and hold still in turn")
    noise_sharing: float | None = knob(None, "motion at which frames share 1/e of their noise; none: as in init")
    appearance_guidance: float | None = knob(None, "guidance on the appearance cue, for samplers; none: as in init")
    noisy_clips: float = knob(0.0, "share of clips at time steps of 600 and more, where what moves is decided")
    time_power: float = knob(0.7, "time steps are 1000 u^power, u even in 0..1; under 1: more noisy ones")

    prompts: tuple[str, ...] = knob((), "of the samples while training; none: captions of the data")
    sample_steps: int = knob(12, "denoising steps of a sample, DPM-Solver++(2M)")
    sample_guidance: float = knob(4.0, "guidance of a sample")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice(self, "keep", ("all", "pictures"))
        if self.keep == "pictures" and not self.init:
            raise ValueError("keep = pictures needs init: without it there is nothing to keep")
        _check_range(self, 0, 1, "caption_dropout", "cue_dropout", "prior_strength", "prior_dropout")
        _check_range(self, 0, 1, "frozen", "paused", "noisy_clips")
        if unknown := sorted(set(self.twin_kinds) - set(TWINS)):
            raise ValueError(f"twin_kinds may be {', '.join(TWINS)}, got {unknown[0]!r}")
        if not self.twin_kinds:
            raise ValueError(f"twin_kinds is empty: name at least one of {', '.join(TWINS)}, or set twins = 0")
        if self.frozen + self.paused > 1:
            raise ValueError(f"frozen and paused are shares of the same clips: {self.frozen} + {self.paused} is over 1")
        _check_range(self, 0, float("inf"), "noise_sharing", "appearance_guidance", "twins")
        if self.appearance_guidance is not None and not self.cue_dropout:
            raise ValueError(
                f"appearance_guidance = {self.appearance_guidance} needs cue_dropout: untold cues to learn"
            )
        _check_range(self, 1, float("inf"), "width", "height", "windows", "shards", "grow", "videos", "pictures")
        _check_range(self, 2, float("inf"), "frames")
        _check_range(self, 1e-6, float("inf"), "fps", "motion_scale", "time_power")
        _check_range(self, -1, 0.999, "similarity_floor")
