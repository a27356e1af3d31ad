"""The options of each training: a frozen dataclass, filled from a TOML file and from flags.

Relative paths are relative to the folder that the command runs in. Each option says in its metadata what happens when
a run is resumed with another value: "refuse" for what would make it another run or its state unusable, "report" for
what is printed and then honored, "ignore" for what has no influence on the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ..models.config import CLIPConfig, UNetConfig, VAEConfig
from ..models.info import SPACINGS

PRECISIONS = ("no", "bf16", "fp16")
OPTIMIZERS = ("adamw", "adamw8bit", "prodigy")
ON_RESUME = ("refuse", "report", "ignore")
DATA = "folder of videos or of prepared shards, .csv, .jsonl, WebDataset shards {00..99}.tar, or name of a data set"

NetworkConfig = TypeVar("NetworkConfig", UNetConfig, VAEConfig, CLIPConfig)


def option(default: Any, help: str, resume: str = "report") -> Any:
    """A field that a user can set. `...` as default: it has to be set. `resume` is one of ON_RESUME."""
    if resume not in ON_RESUME:
        raise ValueError(f"resume must be one of {', '.join(ON_RESUME)}, got {resume!r}")
    return field(default=MISSING if default is ... else default, metadata={"help": help, "resume": resume})


def check_range(config: Any, low: float, high: float, *names: str) -> None:
    """Raises ValueError for an option outside low..high; None is allowed."""
    for name in names:
        value = getattr(config, name)
        if value is not None and not low <= value <= high:
            raise ValueError(f"{name} must be in {low:g}..{high:g}, got {value}")


def check_choice(config: Any, name: str, choices: tuple[str, ...]) -> None:
    """Raises ValueError for a value that is not in `choices`."""
    if getattr(config, name) not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(config, name)!r}")


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """The options of every training. A step is one update of the weights on one global batch."""

    name: ClassVar[str] = ""
    """The training's folder inside `out`."""

    out: Path = option(..., "folder for weights, state, logs and caches; a run there is resumed", "ignore")
    steps: int = option(..., "optimizer steps in all")
    lr: float = option(..., "peak learning rate")
    warmup: int = option(200, "steps of linear warmup of the learning rate; a cosine to 0 follows")
    weight_decay: float = option(0.01, "weight decay of AdamW")
    optimizer: str = option("adamw", "adamw, adamw8bit (torchao) or prodigy (prodigyopt), which finds lr", "refuse")
    max_norm: float = option(1.0, "gradients are clipped to this norm")
    ema: float = option(0.999, "decay of the exponential moving average of the weights, 0..1")
    accumulate: int = option(1, "batches per process and step; times the processes, it is the global batch")
    precision: str = option("bf16", "mixed precision of the forward pass: no (fp32), bf16 or fp16")
    every: int = option(500, "steps between two checkpoints", "ignore")
    log_every: int = option(10, "steps between two TensorBoard entries, each of which is their mean", "ignore")
    sample_every: int = option(0, "steps between two samples of what the averaged weights produce; 0: none", "ignore")
    eval_every: int = option(0, "steps between two measurements of the averaged weights; 0: none", "ignore")
    tracker: str = option("tensorboard", "or wandb, mlflow and others that accelerate knows, if installed", "ignore")
    workers: int = option(1, "processes that make batches ahead; 0: the training makes them itself", "ignore")
    seed: int = option(0, "seed of weights, data and noise", "refuse")

    def __post_init__(self) -> None:
        check_choice(self, "precision", PRECISIONS)
        check_choice(self, "optimizer", OPTIMIZERS)
        if self.optimizer == "prodigy" and self.lr < 0.1:
            raise ValueError(f"lr is a factor of the learning rate that prodigy finds: set lr = 1, got {self.lr}")
        check_range(self, 0, 1, "ema")
        names = ("steps", "warmup", "lr", "weight_decay", "workers", "sample_every", "eval_every")
        check_range(self, 0, float("inf"), *names)
        check_range(self, 1, float("inf"), "accumulate", "every", "log_every")

    @property
    def folder(self) -> Path:
        return self.out / self.name

    def to_dict(self) -> dict[str, Any]:
        """All options as JSON has them."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    def to_metadata(self) -> dict[str, Any]:
        """The options that are saved with the weights: all but `out`."""
        return {name: value for name, value in self.to_dict().items() if name != "out"}


@dataclass(frozen=True, kw_only=True)
class ImageTraining(LoopConfig):
    """The options of the trainings on single frames."""

    data: str = option(..., DATA, "refuse")
    network: str | dict[str, Any] = option("mini", "mini, released, or a table of sizes; unused with init", "refuse")
    init: str = option("", "weights to start from: mini, or a file; none: train from scratch", "refuse")
    width: int = option(64, "pixels; videos are resized and cropped to it", "refuse")
    height: int = option(64, "pixels", "refuse")
    fps: float = option(2.0, "frames per second that are taken from a video", "refuse")
    frames: int = option(4, "frames of a clip; shorter videos are skipped", "refuse")
    windows: int = option(1, "clips that are cut from each video at most, one after the other", "refuse")
    shard_frames: int = option(1024, "frames in a file of cached images", "refuse")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, 1, float("inf"), "width", "height", "frames", "windows", "shard_frames")
        check_range(self, 1e-6, float("inf"), "fps")


@dataclass(frozen=True, kw_only=True)
class VAETraining(ImageTraining):
    """The autoencoder, on single frames."""

    name: ClassVar[str] = "vae"

    steps: int = option(2600, "optimizer steps in all")
    lr: float = option(6e-4, "peak learning rate")
    ema: float = option(0.998, "decay of the exponential moving average of the weights, 0..1")
    scenes: int = option(8, "clips per batch, four crops of each; every fourth batch: a quarter as many, uncropped")
    kl_weight: float = option(3e-6, "weight of the KL divergence of the latents from the unit Gaussian")
    edge_weight: float = option(0.2, "weight of the error of differences between neighboring pixels")
    parts: str = option("both", "both, or decoder: latents stay the same, so denoisers still fit", "refuse")
    latent_noise: float = option(0.0, "with parts = decoder: highest standard deviation of noise added to the latents")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "parts", ("both", "decoder"))
        check_range(self, 4, float("inf"), "scenes")
        check_range(self, 0, float("inf"), "kl_weight", "edge_weight", "latent_noise")
        if self.parts == "decoder" and not self.init:
            raise ValueError("parts = decoder needs init: without it the encoder would stay random")
        if self.parts == "both" and self.latent_noise:
            raise ValueError(
                f"latent_noise = {self.latent_noise} needs parts = decoder: an encoder would scale its latents up to "
                "drown the noise"
            )


@dataclass(frozen=True, kw_only=True)
class CLIPTraining(ImageTraining):
    """The text and image towers, on frames and their captions."""

    name: ClassVar[str] = "clip"

    steps: int = option(800, "optimizer steps in all")
    lr: float = option(1e-3, "peak learning rate")
    ema: float = option(0.99, "decay of the exponential moving average of the weights, 0..1")
    pairs: int = option(64, "images with captions per batch; each pair is contrasted with the rest of its batch")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, 2, float("inf"), "pairs")


@dataclass(frozen=True, kw_only=True)
class ClipOptions:
    """The options of clips and how they are made. Properties that are not set are those of the weights in `init`."""

    data: str = option(..., DATA, "refuse")
    init: str = option("", "weights to start from: mini, or a denoiser's file; none: train from scratch", "refuse")
    vae: str = option("", "the autoencoder: mini, or a file; none: vae.safetensors in out", "refuse")
    clip: str = option("", "the text and image towers: mini, or a file; none: clip.safetensors in out", "refuse")
    frames: int | None = option(None, "frames of a clip", "refuse")
    fps: float | None = option(None, "frames per second of a clip", "refuse")
    width: int | None = option(None, "pixels; videos are resized and cropped to it", "refuse")
    height: int | None = option(None, "pixels", "refuse")
    buckets: tuple[str, ...] = option(
        (), "more sizes of clips, WIDTHxHEIGHTxFRAMES: a video is cut to the shape nearest to its own", "refuse"
    )
    motion_scale: float | None = option(None, "motion cue per mean absolute change of a pixel in 0..1", "refuse")
    similarity_floor: float | None = option(
        None, "cosine similarity that is appearance 0; none: as in init, or measured without init", "refuse"
    )
    windows: int = option(1, "clips that are cut from each video at most, one after the other", "refuse")
    shard_frames: int = option(4096, "frames in a file of cached latents", "refuse")
    caption_with: str = option("", 'command that prints a caption where there is none: "cmd {file}"', "refuse")

    def check_clips(self) -> None:
        check_range(self, 1, float("inf"), "width", "height", "windows", "shard_frames")
        check_range(self, 2, float("inf"), "frames")
        check_range(self, 1e-6, float("inf"), "fps", "motion_scale")
        check_range(self, -1, 0.999, "similarity_floor")
        if self.caption_with and "{file}" not in self.caption_with:
            raise ValueError(f"caption_with must be a command with {{file}} in it, got {self.caption_with!r}")


@dataclass(frozen=True, kw_only=True)
class ClipTraining(ClipOptions, LoopConfig):
    """The options of the trainings on clips."""

    held_out: float = option(0.0, "fraction of the videos that are not trained on, for the loss on them", "refuse")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_clips()
        check_range(self, 0, 0.9, "held_out")

    def take_from_mini(self) -> None:
        """With mini's denoiser, the other networks are mini's if none are named."""
        for name in ("vae", "clip") if self.init == "mini" else ():
            object.__setattr__(self, name, getattr(self, name) or "mini")


@dataclass(frozen=True, kw_only=True)
class Preparation(ClipOptions):
    """Shards of clips, made of videos once, for any number of trainings. A run that was killed is continued."""

    out: str = option(..., "folder or fsspec address, such as s3://bucket/clips, for the shards", "ignore")
    workers: int = option(2, "videos that are decoded at the same time by each process", "ignore")
    ray: str = option("", "run on a Ray cluster: its address, auto, or local for one on this machine", "ignore")
    ray_workers: int = option(2, "processes on the cluster, each of which makes shards", "ignore")
    ray_gpus: float = option(0.0, "GPUs that each of them asks for", "ignore")

    def __post_init__(self) -> None:
        self.check_clips()
        check_range(self, 1, float("inf"), "workers", "ray_workers")
        check_range(self, 0, float("inf"), "ray_gpus")


@dataclass(frozen=True, kw_only=True)
class DenoiserTraining(ClipTraining):
    """The denoiser, both stages."""

    name: ClassVar[str] = "denoiser"

    steps: int = option(6000, "optimizer steps in all")
    lr: float = option(5e-4, "peak learning rate")
    ema: float = option(0.998, "decay of the exponential moving average of the weights, 0..1")
    network: str | dict[str, Any] = option("mini", "mini, released, or a table of sizes; unused with init", "refuse")
    weights: str = option(
        "fp32", "of what is trained: fp32, or bf16, with randomly rounded updates (torchao)", "refuse"
    )
    checkpointing: bool = option(False, "compute activations twice: much less memory, more time")
    videos: int = option(4, "clips per batch")
    images: int = option(16, "images per batch, for the spatial stage; 0: none")
    spatial_warmup_steps: int = option(1000, "first steps, on twice as many images and no clips")
    caption_dropout: float = option(0.1, "probability of an empty caption, for classifier-free guidance")
    cue_dropout: float = option(0.05, "probability of a null motion cue, and of a null appearance cue")
    prior_dropout: float = option(0.05, "probability of a prior faded by a random strength")
    static_clip_prob: float = option(0.0, "probability of a clip that repeats one of its frames, with cues to match")
    pause_prob: float = option(0.0, "probability of a clip that pauses at random times, with cues to match")
    noise_correlation: float | None = option(
        None, "motion at which a frame keeps 1/e of the noise of the frame before, 0: independent; none: as in init"
    )
    appearance_guidance: float | None = option(
        None, "guidance on the appearance cue to sample with, saved with the weights; none: as in init"
    )
    timestep_spacing: str | None = option(
        None, "leading or trailing: time steps to sample with, saved with the weights; none: as in init"
    )
    high_noise_prob: float = option(0.0, "probability of a clip at a time step of 600 or more, where motion is decided")
    timestep_power: float = option(0.7, "time steps are 1000 u^power, u uniform in 0..1; under 1: more noise")
    prompts: tuple[str, ...] = option((), "prompts of the samples while training; none: captions of the data")
    sample_steps: int = option(12, "denoising steps of a sample, with DPM-Solver++(2M)")
    sample_guidance: float = option(4.0, "guidance scale of a sample")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "weights", ("fp32", "bf16"))
        check_range(self, 0, 1, "caption_dropout", "cue_dropout", "prior_dropout")
        check_range(self, 0, 1, "static_clip_prob", "pause_prob", "high_noise_prob")
        probs = f"{self.static_clip_prob} + {self.pause_prob}"
        if self.static_clip_prob + self.pause_prob > 1:
            raise ValueError(f"static_clip_prob + pause_prob must be at most 1, got {probs}")
        check_range(self, 0, float("inf"), "noise_correlation", "appearance_guidance")
        if self.timestep_spacing is not None:
            check_choice(self, "timestep_spacing", SPACINGS)
        if self.appearance_guidance is not None and not self.cue_dropout:
            raise ValueError(
                f"appearance_guidance = {self.appearance_guidance} needs cue_dropout > 0, to train the null cue"
            )
        check_range(self, 1, float("inf"), "videos")
        check_range(self, 0, float("inf"), "images")
        if self.spatial_warmup_steps and not self.images:
            raise ValueError(
                f"spatial_warmup_steps = {self.spatial_warmup_steps} needs images, got images = 0: set one to 0 only"
            )
        check_range(self, 1e-6, float("inf"), "timestep_power")


def network_config(
    network: str | dict[str, Any], kind: type[NetworkConfig], presets: Mapping[str, NetworkConfig]
) -> NetworkConfig:
    """The network's sizes, from a table or from the preset of that name."""
    if isinstance(network, dict):
        return kind.from_dict(network)
    if network not in presets:
        raise ValueError(f"network must be {', '.join(presets)} or a table with its sizes, got {network!r}")
    return presets[network]


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
