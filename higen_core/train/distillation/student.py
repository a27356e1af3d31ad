"""The training of the student: one DDIM step from each of its time steps has to land where the teacher does.

This is one round of progressive distillation (Salimans and Ho 2022) on the teacher's own trajectories, with its
guidance folded in (Meng et al. 2023): the student is evaluated once a step, under all conditions.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch

from ...diffusion.pipeline import resolve_appearance_guidance
from ...diffusion.schedule import timesteps
from ...models.clip import CLIP
from ...models.info import ModelInfo
from ...models.unet import UNet
from ...weights.checkpoint import load_unet, read_info, save_network
from ...weights.lora import save_lora
from ..checkpoint import fingerprint, trainable
from ..data.clips import Pool
from ..data.data_set import video_data_set
from ..denoiser import Denoise, Sample, frozen_networks, losses
from ..loop import own_device, train
from ..lora.adapters import add_lora, lora_tensors
from .conditions import ConditionSource
from .config import DistillTraining
from .trajectories import Teacher, TrajectoryFiles, landing_velocity

SAMPLER = "ddim"
"""The sampler whose steps the student learns."""
SPACING = "trailing"
"""Of the time steps of student and teacher, whatever the weights are sampled with: both start at noise only."""


def teacher_of(unet: UNet, config: DistillTraining) -> Teacher:
    """The denoiser as the config has it sampled.

    Raises:
        ValueError: it does not visit the time steps of the student, or cannot be guided like this.
    """
    info = unet.info
    grid, visited = (timesteps(n, SPACING) for n in (config.student_steps, config.teacher_steps))
    if missing := [t for t in grid if t not in visited]:
        raise ValueError(
            f"teacher_steps = {config.teacher_steps} does not visit time step {missing[0]} of student_steps = "
            f"{config.student_steps}: take a multiple, such as {2 * config.student_steps}"
        )
    return Teacher(
        unet,
        visited,
        grid,
        config.teacher_sampler,
        info.sampling.video_guidance if config.guidance is None else config.guidance,
        resolve_appearance_guidance(info, config.appearance_guidance),
        info.sampling.prior_guidance,
    )


@dataclass(frozen=True)
class StudentBatches:
    """Steps of the student, from each of its time steps in turn, with the velocities that land on the next points."""

    needs_networks: ClassVar[bool] = True
    """The teacher samples in the process of the training; see `data.loader.BatchStream`."""

    files: TrajectoryFiles
    config: DistillTraining

    @torch.no_grad()
    def __call__(self, step: int, index: int) -> dict[str, Sample]:
        rng = random.Random(f"distill {self.config.seed} {index}")
        conditions, points = self.files.draw(self.config.batch, step, rng)
        times = torch.tensor([*self.files.teacher.grid, 0])  # DDIM ends at time step 0
        rows = torch.arange(len(points))
        k = rows % (len(times) - 1)  # each of the student's time steps as often as the others
        x, landing, t = points[rows, k], points[rows, k + 1], times[k]
        return {"video": Sample(x, t, conditions, landing_velocity(x, landing, t, times[k + 1]))}


def run(config: DistillTraining, clip: CLIP, clips: Pool, info: ModelInfo) -> None:
    """Distils the denoiser in `config.init`, whose info is `info`, on conditions of clips."""
    teacher = teacher_of(load_unet(config.init, device=own_device()), config)
    source = ConditionSource(clips, clip, config.drawn_cues, config.sampled_priors, config.caption_dropout)
    made_with = {"teacher": fingerprint(teacher.unet), "visited": teacher.visited, "grid": teacher.grid}
    made_with |= {
        name: getattr(teacher, name) for name in ("sampler", "guidance", "appearance_guidance", "prior_guidance")
    }
    made_with |= {name: getattr(config, name) for name in ("data", "drawn_cues", "sampled_priors", "caption_dropout")}
    files = TrajectoryFiles(
        config.out / "trajectories",
        teacher,
        source,
        files=config.files,
        size=config.file_size,
        grow=config.grow,
        seed=config.seed,
        made_with=made_with,
    )
    student = load_unet(config.init)
    student = add_lora(student, rank=config.rank) if config.rank else trainable(student)
    student.info = distilled_info(info, config)

    def export(model: Denoise, step: int) -> None:
        path, info = config.out / "distilled.safetensors", replace(student.info, steps=step)
        if config.rank:
            about = {"sampling": info.sampling.to_dict(), "timestep_spacing": info.timestep_spacing}
            about |= {"steps": step, "training": info.training}
            save_lora(path, lora_tensors(model.unet), torch.float16, **about)
        else:
            save_network(path, model.unet, torch.float16, **info.to_metadata())

    train(Denoise(student), StudentBatches(files, config), losses, config, export)


def distilled_info(info: ModelInfo, config: DistillTraining) -> ModelInfo:
    """How the student is sampled: in its steps, which are trailing, with DDIM, without guidance of videos."""
    sampling = replace(info.sampling, steps=config.student_steps, sampler=SAMPLER, video_guidance=1.0)
    training: dict[str, Any] = config.to_metadata()
    sampled = {"sampling": sampling, "timestep_spacing": SPACING, "appearance_guidance": 1.0}
    return replace(info, **sampled, training=training, motion_response=(), schedules={})


def main(config: DistillTraining) -> None:
    """Distils on captions, first frames and cues of videos."""
    torch.manual_seed(config.seed)
    vae, clip = frozen_networks(config)
    info = read_info(config.init)
    run(config, clip, video_data_set(config, vae, clip, info).clips, info)
