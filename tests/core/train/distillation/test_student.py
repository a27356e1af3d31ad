"""Distillation from the command line's options to the file: a LoRA or new weights, and resuming."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from higen_core import load_lora, load_unet
from higen_core.train.distillation import student
from higen_core.train.distillation.config import DistillTraining
from higen_core.train.options import read_config

from .. import tiny
from ..logged import scalars

SIZE = {"frames": 4, "fps": 8.0, "width": 32, "height": 32}
INFO = {"motion_scale": 40_000.0, "appearance_guidance": 3.0}


def distil(out: Path, videos: Path, spacing: str = "trailing", **changes) -> Path:
    """A short distillation of a tiny network on videos; returns the folder of its state and log."""
    tiny.networks(out)
    init = tiny.trained_denoiser(out / "init.safetensors", **SIZE, **INFO, timestep_spacing=spacing)
    options = {
        "out": out, "data": str(videos), "init": str(init), "precision": "no", "log_every": 1, "shard_frames": 64,
        "student_steps": 2, "teacher_steps": 4, "file_size": 2, "batch": 2, "rank": 2, "steps": 2, "warmup": 100,
        "grow": 2, "lr": 1e-2,
    }  # fmt: skip
    config = read_config(DistillTraining, None, options | changes)
    student.main(config)
    return config.folder


@pytest.mark.medium
def test_the_lora_changes_the_network_and_says_how_it_is_sampled(tmp_path, videos):
    folder = distil(tmp_path, videos, steps=3)
    losses = scalars(folder, "loss/video")
    assert len(losses) == 3 and all(0 < loss < 10 for loss in losses.values())
    path = tmp_path / "distilled.safetensors"
    before, after = load_unet(tmp_path / "init.safetensors"), load_lora(load_unet(tmp_path / "init.safetensors"), path)
    changed = [n for n, w in after.state_dict().items() if not torch.equal(w, before.state_dict()[n])]
    assert "conv_out.weight" in changed and "norm_out.weight" not in changed
    with safe_open(path, "pt") as file:
        metadata = {name: json.loads(value) for name, value in file.metadata().items()}
    sampling = metadata["sampling"]
    assert metadata["timestep_spacing"] == "trailing"
    assert (sampling["steps"], sampling["sampler"], sampling["video_guidance"]) == (2, "ddim", 1.0)


def test_rank_0_writes_new_weights_with_how_they_are_sampled(tmp_path, videos):
    """Their time steps are trailing, also where those of the teacher's weights are leading."""
    distil(tmp_path, videos, rank=0, spacing="leading")
    info = load_unet(tmp_path / "distilled.safetensors").info
    assert (info.sampling.steps, info.sampling.sampler, info.sampling.video_guidance) == (2, "ddim", 1.0)
    assert (info.timestep_spacing, info.appearance_guidance) == ("trailing", 1.0)
    assert (info.frames, info.steps) == (4, 2)


@pytest.mark.medium
def test_a_resumed_distillation_has_the_losses_of_an_unbroken_one(tmp_path, videos):
    whole = distil(tmp_path / "whole", videos, steps=4)
    distil(tmp_path / "parts", videos, steps=2)
    parts = distil(tmp_path / "parts", videos, steps=4)
    curves = [scalars(folder, "loss/video") for folder in (whole, parts)]
    assert len(curves[0]) == 4
    assert curves[0] == curves[1]


@pytest.mark.parametrize("name", ["held_out", "eval_every", "sample_every"])
def test_options_without_effect_are_refused(tmp_path, name):
    value = 0.5 if name == "held_out" else 5
    with pytest.raises(ValueError, match=f"{name} has no effect on a distillation"):
        DistillTraining(out=tmp_path, data="x", **{name: value})


def test_with_mini_as_teacher_the_other_networks_are_those_of_mini(tmp_path):
    config = DistillTraining(out=tmp_path, data="x")
    assert (config.init, config.vae, config.clip) == ("mini", "mini", "mini")
