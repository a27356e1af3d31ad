"""The options of a LoRA's training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..config import DenoiserTraining, check_choice, check_range, option

TARGETS = ("motion", "appearance", "all")
"""What a LoRA changes: temporal layers; spatial layers and the text resampler; those and the per-frame embedding.
A DoRA leaves temporal convolutions as they are."""


BASES = ("fp32", "bf16", "int8", "fp8")


@dataclass(frozen=True, kw_only=True)
class LoraTraining(DenoiserTraining):
    """A LoRA of the denoiser in `init`, whose own weights stay as they are."""

    name: ClassVar[str] = "lora"

    steps: int = option(500, "optimizer steps in all")
    lr: float = option(1e-3, "peak learning rate")
    warmup: int = option(20, "steps of linear warmup of the learning rate; a cosine to 0 follows")
    weight_decay: float = option(0.0, "weight decay of AdamW")
    ema: float = option(0.98, "decay of the exponential moving average of the weights, 0..1")
    init: str = option(..., "the weights that the LoRA is for: mini, or a denoiser's file", "refuse")
    images: int = option(
        4, "images per batch, for the spatial stage; none with target motion, which does not change it"
    )
    spatial_warmup_steps: int = option(0, "first steps, on twice as many images and no clips")

    target: str = option(
        "all", "what to train: motion (temporal layers), appearance (spatial layers) or all of them", "refuse"
    )
    rank: int = option(16, "rank of the adapters", "refuse")
    alpha: float | None = option(None, "adapters are scaled by alpha / rank; none: alpha = rank", "refuse")
    base: str = option(
        "fp32",
        "precision of the frozen weights: fp32, bf16, or of linear layers int8 or fp8 (torchao), else bf16",
        "refuse",
    )
    dora: bool = option(
        False, "also train the norm of the weights of each output channel; not of temporal convolutions", "refuse"
    )

    def __post_init__(self) -> None:
        self.take_from_mini()
        if self.target == "motion" and self.spatial_warmup_steps:
            raise ValueError("spatial_warmup_steps must be 0 with target motion, which does not change single images")
        if self.target == "motion":  # temporal layers have no gradients from single images
            object.__setattr__(self, "images", 0)
        super().__post_init__()
        check_choice(self, "target", TARGETS)
        check_choice(self, "base", BASES)
        check_range(self, 1, float("inf"), "rank")
        check_range(self, 1e-6, float("inf"), "alpha")
        if not self.init:
            raise ValueError("init must name the weights that the LoRA is for, got an empty name")
