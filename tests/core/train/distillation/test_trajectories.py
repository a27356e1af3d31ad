"""The teacher's trajectories: where they pass, what they are made from, and in which files they are kept."""

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from higen_core import load_clip, load_unet, load_vae
from higen_core.cues.cues import Cues
from higen_core.diffusion.sampling import ddim
from higen_core.diffusion.schedule import timesteps
from higen_core.models.info import ModelInfo
from higen_core.train.data.data_set import video_data_set
from higen_core.train.data.loader import BatchStream
from higen_core.train.distillation import trajectories
from higen_core.train.distillation.conditions import ConditionSource, random_cues
from higen_core.train.distillation.config import DistillTraining
from higen_core.train.distillation.student import StudentBatches, teacher_of
from higen_core.train.distillation.trajectories import TrajectoryFiles, landing_velocity

from .. import tiny

SIZE = {"frames": 4, "fps": 8.0, "width": 32, "height": 32}
INFO = {"motion_scale": 40_000.0, "appearance_guidance": 3.0, "timestep_spacing": "trailing"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Tiny networks whose denoiser does not return zeros."""
    folder = tiny.networks(tmp_path_factory.mktemp("distill"))
    return tiny.trained_denoiser(folder / "init.safetensors", **SIZE, **INFO).parent


@pytest.fixture(scope="module")
def make(folder, videos, tmp_path_factory):
    """Batches of a config, and the files they come from; `spacing` is that of the weights' own time steps."""

    def make(spacing="trailing", **changes) -> StudentBatches:
        short = {"file_size": 2, "batch": 3, "steps": 9, "shard_frames": 64, "student_steps": 2, "teacher_steps": 4}
        files = {"init": str(folder / "init.safetensors"), "data": str(videos), "out": folder}
        config = DistillTraining(**files | short | changes)
        vae, clip = load_vae(folder / "vae.safetensors"), load_clip(folder / "clip.safetensors")
        unet = load_unet(config.init)
        unet.info = replace(unet.info, timestep_spacing=spacing)
        clips = video_data_set(config, vae, clip, unet.info).clips
        source = ConditionSource(clips, clip, config.drawn_cues, config.sampled_priors, config.caption_dropout)
        files = TrajectoryFiles(
            tmp_path_factory.mktemp("trajectories"), teacher_of(unet, config), source,
            files=config.files, size=config.file_size, grow=config.grow, seed=config.seed, made_with={},
        )  # fmt: skip
        return StudentBatches(files, config)

    return make


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_a_step_of_ddim_with_the_landing_velocity_lands_there(spacing):
    grid = timesteps(4, spacing)
    points = torch.randn(5, 1, 4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    for (x, landing), (t, s) in zip(pairwise(points), pairwise([*grid, 0]), strict=True):
        v = landing_velocity(x, landing, torch.tensor([t]), torch.tensor([s]))
        steps = ddim(lambda x, t, v=v: v, x, [t] if s == 0 else [t, s])
        assert torch.allclose(next(steps).x, landing, atol=1e-4)


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_trajectories_have_a_point_for_each_step_of_the_student_and_the_sample(make, spacing):
    files = make(spacing, student_steps=4, teacher_steps=8).files
    assert list(files.teacher.grid) == [999, 749, 499, 249]
    _, points = files.draw(2, 0, random.Random(0))
    assert points.shape[1] == 4 + 1


def test_trajectories_pass_through_noise_the_students_time_steps_and_the_sample(make):
    """Those of a teacher that takes the student's steps, with DDIM and without guidance, are what it does itself."""
    unguided = {"guidance": 1.0, "appearance_guidance": 1.0, "teacher_sampler": "ddim"}
    batches = make(student_steps=4, teacher_steps=4, **unguided)
    batch = batches(0, 0)["video"]
    assert batch.x.shape == batch.target.shape == (3, 4, 4, 4, 4)
    assert batch.t.tolist() == timesteps(4, "trailing")[:3]
    own = batches.files.teacher.unet(batch.x, batch.t, **batch.conditions)
    assert torch.allclose(own, batch.target, atol=0.5 * float(own.std()))  # they are made in bf16, and kept in fp16


def test_guidance_and_further_steps_of_the_teacher_are_in_the_targets(make):
    batches = make(guidance=3.0)
    batch = batches(0, 0)["video"]
    own = batches.files.teacher.unet(batch.x, batch.t, **batch.conditions)
    assert not torch.allclose(own, batch.target, atol=0.5 * float(own.std()))


def test_batches_are_the_same_in_every_run_and_files_are_made_when_they_are_needed(make):
    first, again = make(grow=5), make(grow=5)
    for index in (0, 1):
        one, two = first(0, index)["video"], again(0, index)["video"]
        assert torch.equal(one.x, two.x) and torch.equal(one.target, two.target)
    assert len(list(first.files.folder.glob("*.pt"))) == 2
    first(5, 2)
    assert len(list(first.files.folder.glob("*.pt"))) == 3


def test_each_process_makes_a_file_when_one_is_needed(make, monkeypatch):
    """The second of two processes, when the third file is needed: the fourth is its part."""
    own = SimpleNamespace(num_processes=2, process_index=1, wait_for_everyone=lambda: None)
    monkeypatch.setattr(trajectories, "process", lambda: own)
    files = make().files
    files._provide(3)
    assert [path.stem for path in sorted(files.folder.glob("*.pt"))] == ["00001", "00003"]
    assert files.ready == 4


def test_the_teacher_samples_in_the_process_of_the_training(make):
    batches = make()
    next(BatchStream(batches, [(0, 0)], workers=1))
    assert batches.files.ready == 2


def test_trajectories_of_another_teacher_are_refused(make):
    files = make().files
    options = {"files": 1, "size": 2, "grow": 1, "seed": 0}
    with pytest.raises(ValueError, match="made with guidance None, now it is 2.0"):
        TrajectoryFiles(files.folder, files.teacher, files.source, **options, made_with={"guidance": 2.0})


@pytest.mark.parametrize(("sampled", "drawn"), [(0.0, 0.0), (1.0, 1.0)])
def test_priors_and_cues_are_those_of_clips_or_sampled_and_drawn(make, sampled, drawn):
    files = make(sampled_priors=sampled, drawn_cues=drawn).files
    conditions = files.source.draw(6, 0, random.Random(0), files.teacher)
    clips = files.source.clips.draw(6, 0, random.Random(0))
    assert torch.equal(conditions["prior"], clips.latents[:, :, 0].float()) is (sampled == 0)
    assert torch.equal(conditions["motion"], clips.motion.long()) is (drawn == 0)


def test_random_cues_are_still_constant_and_changing():
    rng = random.Random(0)
    cues = [random_cues(16, rng) for _ in range(200)]
    assert all(isinstance(c, Cues) and c.frames == 16 for c in cues)
    flat = [c for c in cues if c.motion.unique().numel() == 1]
    assert 50 < len(flat) < 150
    assert any(not c.motion.any() for c in flat)
    assert any(bool((c.appearance == 1).all()) for c in cues) and any(c.appearance.min() < 0.2 for c in cues)


def test_a_teacher_has_to_visit_the_time_steps_of_the_student(folder):
    unet = load_unet(folder / "init.safetensors")
    config = DistillTraining(out=folder, data="x", student_steps=4, teacher_steps=6)
    with pytest.raises(ValueError, match="teacher_steps = 6 does not visit time step 749 .* such as 8"):
        teacher_of(unet, config)


def test_weights_without_null_cues_are_not_guided_on_appearance(tmp_path):
    unet = load_unet(tiny.denoiser(tmp_path / "init.safetensors", **SIZE))
    assert teacher_of(unet, DistillTraining(out=tmp_path, data="x")).appearance_guidance == 1.0
    with pytest.raises(ValueError, match="appearance_guidance is 3"):
        teacher_of(unet, DistillTraining(out=tmp_path, data="x", appearance_guidance=3.0))
    assert isinstance(unet.info, ModelInfo)
