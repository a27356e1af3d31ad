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
from types import SimpleNamespace
from typing import Any

import av
import torch

from ..benchmarks import precision
from ..comfyui.paths import ROOT, comfyui_path
from ..core.dinov2 import random_dinov2
from .meter import Row, Setting
from .whole import LEAST_PSNR, PROMPT, agreement, mini_steps

OPTIONS = ("normalvram", "gpu-only", "highvram", "lowvram", "novram")
WEIGHTS = "released.safetensors"
GRAPH = {
    "1": {"class_type": "HiGenCueSchedule", "inputs": {}},
    "2": {"class_type": "HiGenTemporalSampler", "inputs": {"cues": ["1", 0]}},
    "3": {"class_type": "HiGenVideoCombine", "inputs": {"images": ["2", 0]}},
}
"""An API prompt by which HiGen Video Combine knows that a schedule controls its frames."""


def rows(setting: Setting, exact: torch.Tensor) -> Iterator[Row]:
    """Mini through the nodes, from the prompt to a saved and measured video, and one step of the temporal stage of the
    released layout.

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


def mini_through_nodes(steps: int, folder: Path) -> torch.Tensor:
    """The frames of `benchmarks.precision.sample`, by the nodes, on the CPU; before, they are saved and measured."""
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
    frames = vae.decode(video["samples"])
    check_measured(frames, model, folder)
    return frames.cpu().float()


def check_measured(frames: torch.Tensor, model: Any, folder: Path) -> None:
    """Saves frames with HiGen Video Combine, and measures them there and with HiGen Cue Extractor, whose image encoders
    are that of the model and a DINOv2. With --gpu-only the frames and all that is measured are on the GPU.

    Raises:
        AssertionError: the file has not all frames, or the two nodes do not measure the same.
    """
    import folder_paths
    from higen_pack.nodes.cue_extractor import FROM_START, KEEP, HiGenCueExtractor
    from higen_pack.nodes.video_combine import HiGenVideoCombine

    hidden = SimpleNamespace(prompt=GRAPH, extra_pnginfo=None, unique_id="3")
    combine = type("Combine", (HiGenVideoCombine,), {"hidden": hidden})
    ui = combine.execute(frames, 8.0, "h264-mp4", "gpu/video", model=model).ui
    (saved,), (curves,) = ui["higen_video"], ui["higen_curves"]
    with av.open(str(Path(folder_paths.get_output_directory(), saved["subfolder"], saved["filename"]))) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(frames)
    assert len(curves["appearance"]) == len(frames)
    folder_paths.add_model_folder_path("clip_vision", str(random_dinov2(folder / "dinov2").parent))
    for encoder in ("auto", "dinov2"):
        measured = HiGenCueExtractor.execute(
            images_fps=8.0, frames=len(frames), span=FROM_START, start=0.0, blur=0.0, cuts=KEEP, encoder=encoder,
            similarity_floor=-1.0, motion_scale=0.0, model=model, images=frames,
        )[0]  # fmt: skip
        assert max(abs(a - b) for a, b in zip(measured.motion.tolist(), curves["motion"], strict=True)) <= 1
        assert measured.appearance.shape == (len(frames), len(frames))


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
        torch.save(mini_through_nodes(steps, folder), folder / "frames.pt")
        row: Row = {"mini_seconds": time.perf_counter() - start}
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        row["released_step_seconds"] = released_step(folder / WEIGHTS, *size)
    if on_gpu:
        row["released_peak_bytes"] = torch.cuda.max_memory_allocated()
    print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
