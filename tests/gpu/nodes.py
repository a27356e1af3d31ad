"""The nodes in ComfyUI under each of its options for memory, each in a process of its own.

`python -m tests.gpu.nodes OPTION FOLDER STEPS PIXELS` is such a process. It prints a row as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from ..benchmarks import precision
from ..comfyui.paths import ROOT, comfyui_path
from .meter import Row, Setting
from .whole import LEAST_PSNR, PROMPT, agreement, mini_steps

OPTIONS = ("normalvram", "gpu-only", "highvram", "lowvram", "novram")
WEIGHTS = "released.safetensors"


def rows(setting: Setting, exact: torch.Tensor) -> Iterator[Row]:
    """Mini through the nodes, and one step of the temporal stage of the released layout.

    `exact` are mini's frames of the core on the CPU. Without ComfyUI a row says that nothing was checked.
    """
    try:
        comfyui_path()
    except FileNotFoundError as error:
        yield {"option": "all", "error": str(error)}
        return
    with tempfile.TemporaryDirectory(prefix="higen-gpu-") as folder:
        write_weights(setting, Path(folder))
        for option in OPTIONS if setting.device.type == "cuda" else ("cpu",):
            yield {"option": f"--{option}"} | row_of(setting, option, Path(folder), exact)


def write_weights(setting: Setting, folder: Path) -> None:
    import higen_core as hg
    from higen_core.weights.checkpoint import save_network

    from ..benchmarks.step import random_network

    unet = random_network(lambda: hg.UNet(setting.sizes.unet), torch.bfloat16)
    save_network(folder / WEIGHTS, unet, torch.bfloat16)


def row_of(setting: Setting, option: str, folder: Path, exact: torch.Tensor) -> Row:
    size = mini_steps(setting), setting.frames, setting.height, setting.width
    command = [sys.executable, "-m", "tests.gpu.nodes", option, str(folder), *map(str, size)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if process.returncode:
        lines = process.stderr.strip().splitlines()
        return {"error": lines[-1][:160] if lines else f"exit code {process.returncode}", "ok": False}
    row = json.loads(process.stdout.splitlines()[-1])
    return row | agreement(torch.load(folder / "frames.pt"), exact, LEAST_PSNR["fp32"])


def mini_through_nodes(steps: int) -> torch.Tensor:
    """The frames of `benchmarks.precision.sample`, by the nodes."""
    from higen_pack.nodes.loader import HiGenLoader
    from higen_pack.nodes.models import folders
    from higen_pack.nodes.samplers import HiGenSpatialPriorSampler, HiGenTemporalSampler

    folders.register_model_folder()
    model, clip, vae = HiGenLoader.execute(folders.MINI, folders.AUTO, folders.AUTO, "fp32").result
    positive, negative = (clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in (PROMPT, ""))
    sampling = {"seed": precision.SEED, "steps": steps, "cfg": precision.GUIDANCE, "sampler": "dpmpp_2m"}
    prompts = {"model": model, "positive": positive, "negative": negative}
    prior = HiGenSpatialPriorSampler.execute(**prompts, width=64, height=64, **sampling)[0]
    video = HiGenTemporalSampler.execute(**prompts, prior=prior, cues=cues(16, 500, 0.0), **sampling)[0]
    return vae.decode(video["samples"]).cpu().float()


def cues(*values: float):
    """Constant cues of the pack's own core, which the nodes take."""
    from higen_pack import higen_core

    return higen_core.Cues.constant(*values)


def released_step(weights: Path, frames: int, height: int, width: int) -> float:
    """Seconds of a step of the temporal stage: half of what three steps take longer than one, with loaded weights."""
    from higen_pack.nodes.models.model import load_model
    from higen_pack.nodes.samplers import HiGenTemporalSampler

    model = load_model(str(weights), "bf16")
    text = [[torch.zeros(1, 77, model.model.diffusion_model.config.y_dim), {}]]
    times = []
    for steps in (1, 1, 3):  # the first loads the weights
        start = time.perf_counter()
        HiGenTemporalSampler.execute(
            model, text, text, prior={"samples": torch.zeros(1, 4, height, width)}, cues=cues(frames, 500, 1.0),
            seed=0, steps=steps, cfg=12.0, sampler="ddim",
        )  # fmt: skip
        times.append(time.perf_counter() - start)
    return (times[2] - times[1]) / 2


def main(option: str, folder: Path, steps: int, *size: int) -> None:
    from ..soak.hostile.process import enter_pack

    enter_pack(option)
    on_gpu = option != "cpu"
    start = time.perf_counter()
    with torch.no_grad():
        torch.save(mini_through_nodes(steps), folder / "frames.pt")
        row: Row = {"mini_seconds": time.perf_counter() - start}
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        row["released_step_seconds"] = released_step(folder / WEIGHTS, *size)
    if on_gpu:
        row["released_peak_bytes"] = torch.cuda.max_memory_allocated()
    print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
