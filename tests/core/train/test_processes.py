"""Several processes on the CPU (gloo): the same losses as one process with the same global batch."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ...comfyui.paths import ROOT
from . import tiny
from .logged import scalars

KNOBS = {
    "steps": 8,
    "lr": 1e-3,
    "warmup": 100,
    "picture_steps": 3,
    "pictures": 2,
    "videos": 1,
    "shard_frames": 64,
    "precision": "no",
    "log_every": 1,
}


def start(processes: int, *command: str | Path) -> subprocess.Popen:
    """`python -m …` in so many processes."""
    launch = [] if processes == 1 else ["torch.distributed.run", f"--nproc_per_node={processes}", "--standalone", "-m"]
    line = [sys.executable, "-m", *launch, *map(str, command)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return subprocess.Popen(  # noqa: S603
        line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen) -> str:
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    return out


def trained(processes: int, folder: Path, **knobs) -> Path:
    tiny.networks(folder)
    config = tiny.toml(folder / "knobs.toml", tiny.UNET, **KNOBS | knobs)
    finish(start(processes, "higen_core.train", "denoiser", "--config", config, "--out", folder))
    return folder / "denoiser"


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """One process, two batches a step."""
    return trained(1, tmp_path_factory.mktemp("alone"), accumulate=2)


def same_losses(one: Path, other: Path) -> None:
    for name, first in (("picture", 1), ("video", 4)):
        curves = [scalars(folder, f"loss/{name}") for folder in (one, other)]
        assert list(curves[0]) == list(range(first, 9))
        assert curves[0] == pytest.approx(curves[1], rel=1e-4)


def test_two_processes_have_the_losses_of_one_with_the_same_global_batch(alone, tmp_path):
    both = trained(2, tmp_path)
    same_losses(alone, both)
    one, two = (load_file(folder.parent / "denoiser.safetensors") for folder in (alone, both))
    for name, weight in one.items():
        torch.testing.assert_close(weight, two[name], atol=2e-3, rtol=0)


def test_one_process_goes_on_where_two_have_stopped(alone, tmp_path):
    trained(2, tmp_path, steps=5)
    same_losses(alone, trained(1, tmp_path, accumulate=2))


@pytest.mark.slow
def test_sharded_weights_train_save_and_resume_as_whole_ones_do(alone, tmp_path):
    """FSDP2 in two processes, stopped after 3 steps and after 5; the rest in one process."""
    tiny.networks(tmp_path)
    for steps in (3, 5):
        config = tiny.toml(tmp_path / "knobs.toml", tiny.UNET, **KNOBS | {"steps": steps})
        told = finish(start(2, "tests.core.train.sharded", config, tmp_path))
        shares = [int(held) / int(all_) for held, all_ in re.findall(r"holds (\d+) of (\d+) weights", told)]
        assert len(shares) == 2 and max(shares) < 0.6
    same_losses(alone, trained(1, tmp_path, accumulate=2))


def test_an_interrupt_stops_both_processes_after_the_same_step_and_saves(tmp_path):
    tiny.networks(tmp_path)
    config = tiny.toml(tmp_path / "knobs.toml", tiny.UNET, **KNOBS | {"steps": 100_000, "every": 3})
    process = start(2, "higen_core.train", "denoiser", "--config", config, "--out", tmp_path)
    state = tmp_path / "denoiser" / "state.pt"
    deadline = time.monotonic() + 300
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    step = torch.load(state, weights_only=True)["step"]
    assert 3 <= step < 100_000
    assert max(scalars(tmp_path / "denoiser", "loss/picture")) == step
    assert not list(state.parent.glob("*.partial"))
