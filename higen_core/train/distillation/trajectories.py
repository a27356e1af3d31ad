"""The trajectories of a guided teacher, from noise to clean latents, at the time steps of the student."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...cues.cues import NULL_APPEARANCE
from ...diffusion.guidance import classifier_free_guidance
from ...diffusion.noise import correlate_noise, draw_noise
from ...diffusion.pipeline import sample_prior
from ...diffusion.sampling import SAMPLERS
from ...diffusion.schedule import alpha_sigma
from ...models.unet import UNet
from ..checkpoint import replacing
from ..data.clips import bf16_autocast, open_cache
from ..denoiser import video_noise
from ..loop import process
from .conditions import ConditionSource

FIRST_FILES = 2
"""Files that the first batches are drawn from."""
MADE_AT_ONCE = 8
"""Trajectories that are sampled in a batch."""
CONDITIONS = ("text", "prior", "motion", "appearance")


def landing_velocity(x: Tensor, landing: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """The velocity with which one DDIM step takes x (b, ...) at the time steps t (b,) to `landing` at s (b,), s < t.

    DDIM goes to alpha_s x0 + sigma_s eps with x0 = alpha_t x - sigma_t v and eps = sigma_t x + alpha_t v (Song et al.
    2021, eq. 12): linear in v.
    """
    (alpha_t, sigma_t), (alpha_s, sigma_s) = alpha_sigma(t, x), alpha_sigma(s, x)
    return (landing - (alpha_s * alpha_t + sigma_s * sigma_t) * x) / (sigma_s * alpha_t - alpha_s * sigma_t)


@dataclass(frozen=True)
class Trajectories:
    """n trajectories.

    Attributes:
        conditions: of the denoiser, each with n in front: those of CONDITIONS.
        points: latents (n, k + 1, c, f, h, w): noise first, then at each of the student's k time steps but the first,
            and the sample last.
    """

    conditions: dict[str, Tensor]
    points: Tensor

    def write(self, path: Path) -> None:
        with replacing(path) as partial:
            torch.save({"conditions": self.conditions, "points": self.points}, partial)


@lru_cache(maxsize=1024)
def read_trajectories(path: Path) -> Trajectories:
    """Mapped from the file: memory holds what was drawn lately."""
    return Trajectories(**torch.load(path, weights_only=True, mmap=True))


@dataclass(frozen=True)
class Teacher:
    """A denoiser with the guidance and the time steps that it is sampled with.

    Attributes:
        visited: the time steps of the teacher, falling.
        grid: those of the student, a subset.
        sampler: one of `SAMPLERS`.
        guidance, appearance_guidance: of the video, as in `pipeline.video_steps`.
        prior_guidance: of the priors that it samples.
    """

    unet: UNet
    visited: Sequence[int]
    grid: Sequence[int]
    sampler: str
    guidance: float
    appearance_guidance: float
    prior_guidance: float

    @torch.no_grad()
    def priors(self, text: Tensor, null_text: Tensor, like: Tensor, seed: int) -> Tensor:
        """Sampled priors (n, c, h, w) for text states (n, l, d), as large as `like`."""
        n, c, h, w = like.shape
        options = {"timesteps": self.visited, "sampler": self.sampler, "guidance": self.prior_guidance}
        with bf16_autocast(self.unet.device):
            noise = draw_noise(seed, (n, c, 1, h, w))
            return sample_prior(self.unet, text, null_text, noise=noise, **options).float()

    @torch.no_grad()
    def __call__(self, conditions: dict[str, Tensor], null_text: Tensor, generator: torch.Generator) -> Tensor:
        """The points of `Trajectories` for conditions of n clips; the noise is correlated by their motion."""
        device = self.unet.device
        conditions = {name: value.to(device) for name, value in conditions.items()}
        (n, c, h, w), f = conditions["prior"].shape, conditions["appearance"].shape[1]
        noise = video_noise((n, c, f, h, w), generator)
        x = correlate_noise(noise.to(device), conditions["motion"], self.unet.info.noise_correlation)
        null_appearance = torch.full_like(conditions["appearance"], NULL_APPEARANCE)
        unconds = [
            (self.guidance, conditions | {"text": null_text.to(device).expand_as(conditions["text"])}),
            (self.appearance_guidance, conditions | {"appearance": null_appearance}),
        ]
        guided = classifier_free_guidance(self.unet, conditions, unconds)

        def velocity(x: Tensor, t: int) -> Tensor:
            with bf16_autocast(device):
                return guided(x, t).float()

        points, following = [x], [*self.visited[1:], None]
        for step in SAMPLERS[self.sampler](velocity, x, self.visited):
            if following[step.index - 1] in (*self.grid, None):
                points.append(step.x)
        return torch.stack(points, dim=1).cpu()


class TrajectoryFiles:
    """Trajectories in files, made the first time they are needed.

    Batches are drawn from FIRST_FILES files at first, and from one more every `grow` steps until there are `files`:
    training starts long before all trajectories are made. Several processes make them together.
    """

    def __init__(
        self,
        folder: Path,
        teacher: Teacher,
        source: ConditionSource,
        *,
        files: int,
        size: int,
        grow: int,
        seed: int,
        made_with: dict[str, Any],
    ):
        """`size` is that of a file; `made_with` is what else trajectories depend on, for the check of the cache."""
        self.folder, self.teacher, self.source = folder, teacher, source
        self.files, self.size, self.grow, self.seed = files, size, grow, seed
        self.ready = 0
        open_cache(folder, {"size": size, "seed": seed} | made_with)

    def draw(self, count: int, step: int, rng: random.Random) -> tuple[dict[str, Tensor], Tensor]:
        """Conditions and points of `count` trajectories out of those that exist at a step of the training."""
        available = min(self.files, FIRST_FILES + step // self.grow)
        self._provide(available)
        picks = [(self._read(rng.randrange(available)), rng.randrange(self.size)) for _ in range(count)]
        conditions = {name: torch.stack([file.conditions[name][i] for file, i in picks]) for name in CONDITIONS}
        conditions = {name: v.float() if v.is_floating_point() else v.long() for name, v in conditions.items()}
        return conditions, torch.stack([file.points[i] for file, i in picks]).float()

    def _provide(self, available: int) -> None:
        """Makes the files that are missing, and further ones until each process has one to make.

        All processes draw at the same steps, so they wait for each other here when there are files to make.
        """
        if available <= self.ready:
            return
        state = process()
        count = state.num_processes
        target = min(self.files, -(-available // count) * count)
        for number in range(self.ready, target):
            path = self._path(number)
            if number % count == state.process_index and not path.exists():
                self._make(number).write(path)
        state.wait_for_everyone()
        self.ready = target

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:05d}.pt"

    def _read(self, number: int) -> Trajectories:
        return read_trajectories(self._path(number))

    def _make(self, number: int) -> Trajectories:
        rng = random.Random(f"trajectories {self.seed} {number}")
        generator = torch.Generator().manual_seed(rng.randrange(2**62))
        parts = []
        for first in range(0, self.size, MADE_AT_ONCE):
            conditions = self.source.draw(min(MADE_AT_ONCE, self.size - first), number, rng, self.teacher)
            parts.append((conditions, self.teacher(conditions, self.source.null_text, generator).half()))
        conditions = {name: torch.cat([_stored(part[name]) for part, _ in parts]) for name in CONDITIONS}
        return Trajectories(conditions, torch.cat([points for _, points in parts]))


def _stored(value: Tensor) -> Tensor:
    return (value.half() if value.is_floating_point() else value.short()).cpu()
