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

from ....comfyui.paths import ROOT
from .. import tiny
from ..logged import scalars

pytestmark = pytest.mark.medium
OPTIONS = {
    "frames": 4,
    "fps": 8.0,
    "width": 32,
    "height": 32,
    "steps": 8,
    "lr": 1e-3,
    "warmup": 100,
    "spatial_warmup_steps": 3,
    "images": 2,
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


def write_config(folder: Path, videos: Path, **options) -> Path:
    tiny.networks(folder)
    return tiny.toml(folder / "options.toml", tiny.UNET, **OPTIONS | {"data": videos} | options)


def trained(processes: int, folder: Path, videos: Path, **options) -> Path:
    """The folder of a training of the denoiser that has ended."""
    config = write_config(folder, videos, **options)
    finish(start(processes, "higen_core.train", "denoiser", "--config", config, "--out", folder))
    return folder / "denoiser"


@pytest.fixture(scope="module")
def one_process(tmp_path_factory, videos) -> Path:
    """One process, two batches a step."""
    return trained(1, tmp_path_factory.mktemp("one_process"), videos, accumulate=2)


def check_same_losses(folder: Path, expected: Path) -> None:
    for name, first in (("image", 1), ("video", 4)):
        curve, expected_curve = scalars(folder, f"loss/{name}"), scalars(expected, f"loss/{name}")
        assert list(curve) == list(range(first, 9))
        assert curve == pytest.approx(expected_curve, rel=1e-4)


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_with_the_same_global_batch(one_process, videos, tmp_path):
    two_processes = trained(2, tmp_path, videos)
    check_same_losses(two_processes, one_process)
    expected = load_file(one_process.parent / "denoiser.safetensors")
    for name, weight in load_file(tmp_path / "denoiser.safetensors").items():
        torch.testing.assert_close(weight, expected[name], atol=2e-3, rtol=0)


@pytest.mark.slow
def test_one_process_resumes_the_run_of_two(one_process, videos, tmp_path):
    trained(2, tmp_path, videos, steps=5)
    check_same_losses(trained(1, tmp_path, videos, accumulate=2), one_process)


@pytest.mark.slow
def test_sharded_weights_train_save_and_resume_like_whole_ones(one_process, videos, tmp_path):
    """FSDP2 in two processes, stopped after 3 steps and after 5; the rest in one process."""
    for steps in (3, 5):
        config = write_config(tmp_path, videos, steps=steps)
        output = finish(start(2, "tests.core.train.processes.sharded", "denoiser", config, tmp_path))
        fractions = [int(held) / int(all_) for held, all_ in re.findall(r"holds (\d+) of (\d+) weights", output)]
        assert len(fractions) == 2 and max(fractions) < 0.6
    check_same_losses(trained(1, tmp_path, videos, accumulate=2), one_process)


@pytest.mark.slow
def test_an_interrupt_stops_both_processes_after_the_same_step_and_saves(videos, tmp_path):
    config = write_config(tmp_path, videos, steps=100_000, every=3)
    process = start(2, "higen_core.train", "denoiser", "--config", config, "--out", tmp_path)
    state = tmp_path / "denoiser" / "state.pt"
    deadline = time.monotonic() + 300
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    step = torch.load(state, weights_only=True)["step"]
    assert 3 <= step < 100_000
    assert max(scalars(tmp_path / "denoiser", "loss/image")) == step
    assert not list(state.parent.glob("*.partial"))


def lora_trained(processes: int, folder: Path, videos: Path, module: str = "higen_core.train", **options) -> Path:
    """The LoRA of a training that has ended."""
    tiny.networks(folder)
    init = tiny.trained_denoiser(folder / "init.safetensors", frames=4, fps=8, width=32, height=32)
    options = OPTIONS | {"data": videos, "init": init, "rank": 2, "spatial_warmup_steps": 0, "steps": 4} | options
    config = tiny.toml(folder / "options.toml", **options)
    arguments = (config, folder) if module.endswith("sharded") else ("--config", config, "--out", folder)
    finish(start(processes, module, "lora", *arguments))
    return folder / "lora.safetensors"


def check_same_lora(path: Path, expected: Path) -> None:
    expected_tensors = load_file(expected)
    for name, value in load_file(path).items():
        torch.testing.assert_close(value, expected_tensors[name], atol=2e-3, rtol=0)
    for name in ("image", "video"):
        curves = [scalars(file.parent / "lora", f"loss/{name}") for file in (path, expected)]
        assert curves[0] == pytest.approx(curves[1], rel=1e-4)


@pytest.fixture(scope="module")
def lora_of_one_process(tmp_path_factory, videos) -> Path:
    return lora_trained(1, tmp_path_factory.mktemp("lora"), videos, accumulate=2)


@pytest.mark.slow
def test_two_processes_train_the_lora_of_one(lora_of_one_process, videos, tmp_path):
    check_same_lora(lora_trained(2, tmp_path, videos), lora_of_one_process)


@pytest.mark.slow
def test_a_lora_of_sharded_weights_is_that_of_whole_ones(lora_of_one_process, videos, tmp_path):
    for steps in (2, 4):
        lora_trained(2, tmp_path, videos, "tests.core.train.processes.sharded", steps=steps)
    check_same_lora(tmp_path / "lora.safetensors", lora_of_one_process)


def distilled(processes: int, folder: Path, videos: Path, **options) -> Path:
    """The LoRA of a distillation that has ended."""
    tiny.networks(folder)
    info = {"motion_scale": 40_000.0, "appearance_guidance": 3.0, "timestep_spacing": "trailing"}
    init = tiny.trained_denoiser(folder / "init.safetensors", frames=4, fps=8, width=32, height=32, **info)
    few = {"student_steps": 2, "teacher_steps": 4, "file_size": 2, "batch": 2, "rank": 2, "steps": 4, "grow": 2}
    common = {name: OPTIONS[name] for name in ("lr", "warmup", "shard_frames", "precision", "log_every")}
    config = tiny.toml(folder / "options.toml", **common | few | {"data": videos, "init": init} | options)
    finish(start(processes, "higen_core.train", "distill", "--config", config, "--out", folder))
    return folder / "distilled.safetensors"


@pytest.mark.slow
def test_two_processes_distil_what_one_does(videos, tmp_path):
    one, two = distilled(1, tmp_path / "one", videos, accumulate=2), distilled(2, tmp_path / "two", videos)
    expected = load_file(one)
    for name, value in load_file(two).items():
        torch.testing.assert_close(value, expected[name], atol=2e-3, rtol=0)
    curves = [scalars(file.parent / "distill", "loss/video") for file in (two, one)]
    assert len(curves[0]) == 4 and curves[0] == pytest.approx(curves[1], rel=1e-4)
