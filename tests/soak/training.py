"""A training that is killed at random moments, and whose disk is full: it goes on with the losses it would have had."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from safetensors.torch import load_file

from ..comfyui.paths import ROOT
from ..core.train import tiny
from ..core.train.logged import scalars
from .disk import can_mount, fill, small_disk
from .files import broken, unfinished
from .table import Row

STEPS = 12
DISK = 64 * 2**20
OPTIONS = {
    **{"steps": STEPS, "every": 1, "log_every": 1, "warmup": 5, "precision": "no", "images": 2, "videos": 1},
    **{"spatial_warmup_steps": 0, "shard_frames": 64, "frames": 4, "fps": 8.0, "width": 32, "height": 32},
}


def campaign(folder: Path, number: int, seed: int = 0) -> list[Row]:
    """A training of the denoiser that is killed `number` times while it writes a state after every step."""
    rng = random.Random(seed)
    rows = [
        Row("kills", "training killed (SIGKILL) at a random moment, then started again"),
        Row("kills", "training whose disk is full, then started again with room"),
    ]
    data = tiny.films(folder / "films")
    start = time.monotonic()
    finish(folder / "whole", data)
    seconds = time.monotonic() - start
    for i in range(number):
        out = folder / f"killed{i}"
        process = spawn(out, data)
        time.sleep(rng.uniform(0.3, 1) * seconds)
        process.kill()
        process.wait()
        rows[0].count(broken(out) or finish(out, data) or difference(folder / "whole", out))
    if not can_mount():
        rows[1].measured = "left out: mounting a file system needs root"
        return rows
    for free in [rng.randrange(DISK) for _ in range(max(1, number // 3))]:
        with small_disk(folder / "disk", DISK) as out:
            rows[1].count(problem_of_full_disk(out, data, free) or difference(folder / "whole", out))
    return rows


def problem_of_full_disk(out: Path, data: Path, free: int) -> str:
    """What is wrong with a training on a disk with so many bytes free; empty if nothing."""
    tiny.networks(out)
    tiny.toml(out / "options.toml", tiny.UNET, data=data, out=out, **OPTIONS)
    filler = fill(out, free)
    process = spawn(out, data)
    stderr = process.communicate()[1]
    if process.returncode and (
        "Traceback" in stderr or "cannot be written" not in stderr and "No space left" not in stderr
    ):
        return f"{free} bytes free: exit code {process.returncode}, {stderr[-300:]}"
    if problem := broken(out) or unfinished(out):
        return f"{free} bytes free: {problem}"
    filler.unlink()
    return finish(out, data)


def spawn(out: Path, data: Path) -> subprocess.Popen:
    """Starts the training, or goes on with it."""
    options = out / "options.toml"
    if not options.exists():
        tiny.networks(out)
        tiny.toml(options, tiny.UNET, data=data, out=out, **OPTIONS)
    command = [sys.executable, "-m", "higen_core.train", "denoiser", "--config", str(options)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(out: Path, data: Path) -> str:
    """Runs a training to its end. Returns what is wrong; empty if nothing."""
    process = spawn(out, data)
    stderr = process.communicate()[1]
    if process.returncode:
        return f"started again, it ended with {process.returncode}: {stderr[-300:]}"
    return broken(out) or unfinished(out)


def difference(whole: Path, out: Path) -> str:
    """How the losses and the weights of a training differ from those of an unbroken one; empty if they do not."""
    (expected,), (found,) = ([*folder.rglob("denoiser*.safetensors")] for folder in (whole, out))
    weights, others = load_file(expected), load_file(found)
    if any(not weights[name].equal(others[name]) for name in weights):
        return "the weights are not those of an unbroken run"
    losses, resumed = (
        {name: scalars(path.parent, name) for path in folder.rglob("logs") for name in ("loss/image", "loss/video")}
        for folder in (whole, out)
    )
    wrong = [(name, step) for name in resumed for step, loss in resumed[name].items() if losses[name][step] != loss]
    return f"the loss {wrong[0][0]} at step {wrong[0][1]} is not that of an unbroken run" if wrong else ""
