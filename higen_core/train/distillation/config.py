"""The options of a distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...diffusion.sampling import SAMPLERS
from ..config import ClipTraining, check_choice, check_range, option


@dataclass(frozen=True, kw_only=True)
class DistillTraining(ClipTraining):
    """Distillation: guidance and steps of a denoiser, into a LoRA or into new weights that need neither."""

    name: ClassVar[str] = "distill"

    steps: int = option(1000, "optimizer steps in all")
    lr: float = option(1e-3, "peak learning rate")
    warmup: int = option(30, "steps of linear warmup of the learning rate; a cosine to 0 follows")
    ema: float = option(0.98, "decay of the exponential moving average of the weights, 0..1")
    init: str = option("mini", "the teacher, from which the student starts: mini, or a denoiser's file", "refuse")
    rank: int = option(32, "of the LoRA; 0: train all weights, and write new ones", "refuse")
    batch: int = option(8, "student's steps per batch")

    student_steps: int = option(4, "steps of DDIM that the student is to be sampled in", "refuse")
    teacher_steps: int = option(8, "steps of the teacher; their time steps must include the student's", "refuse")
    teacher_sampler: str = option("dpmpp_2m", "ddim or dpmpp_2m", "refuse")
    guidance: float | None = option(None, "the teacher's, on the text; none: what suits its weights", "refuse")
    appearance_guidance: float | None = option(
        None, "the teacher's, on the appearance cue; none: what suits its weights", "refuse"
    )

    files: int = option(64, "files of the teacher's trajectories in all; each is made when it is first needed")
    file_size: int = option(32, "trajectories in a file", "refuse")
    grow: int = option(40, "steps after which one more of these files is made")
    drawn_cues: float = option(0.6, "probability of random curves in place of the cues of a clip", "refuse")
    sampled_priors: float = option(0.5, "probability of priors that are sampled, not first frames of clips", "refuse")
    caption_dropout: float = option(0.03, "probability of an empty caption", "refuse")

    def __post_init__(self) -> None:
        self.take_from_mini()
        super().__post_init__()
        for name in ("held_out", "eval_every", "sample_every"):
            if getattr(self, name):
                raise ValueError(f"{name} has no effect on a distillation: leave it at 0, got {getattr(self, name)}")
        if not self.init:
            raise ValueError("init is empty: name the weights to distill")
        check_choice(self, "teacher_sampler", tuple(SAMPLERS))
        check_range(self, 1, float("inf"), "batch", "student_steps", "teacher_steps", "files", "file_size", "grow")
        check_range(self, 0, float("inf"), "guidance", "appearance_guidance", "rank")
        check_range(self, 0, 1, "drawn_cues", "sampled_priors", "caption_dropout")
