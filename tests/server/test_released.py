"""text_to_video_released.json with random files of the released layout, narrow and at full size."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import higen_core as hg

from ..comfyui import released_files
from ..comfyui.demo import saved_files
from ..comfyui.paths import WORKFLOWS
from ..comfyui.server import ComfyServer
from ..comfyui.video import frames_of
from ..comfyui.workflow import load_prompt, only, with_inputs
from .stock.graphs import Graph, output, sampled

GB = 1024**3
MAX_MEMORY = 24 * GB

SIZES = [
    pytest.param(released_files.NARROW, id="narrow"),
    pytest.param(released_files.FULL, id="full", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=SIZES)
def released(request, tmp_path_factory):
    """A server with these files, the prompt of the workflow with one step a stage in bf16, and the sizes."""
    base, sizes = tmp_path_factory.mktemp("released"), request.param
    released_files.write(sizes, base / "models")
    with ComfyServer(base) as server:
        prompt, _ = load_prompt(WORKFLOWS / "text_to_video_released.json", server.object_info())
        weights, text, vae = sizes.names
        auto = ("auto",) * 3  # selects networks of full size only
        names = auto if sizes is released_files.FULL else (weights, text, vae)
        files = dict(zip(("weights", "text_encoder", "vae"), names, strict=True))
        prompt = with_inputs(prompt, "HiGenLoader", dtype="bf16", **files)
        prompt = with_inputs(prompt, "HiGenSpatialPriorSampler", steps=1)
        yield server, with_inputs(prompt, "HiGenTemporalSampler", steps=1), sizes
    for path in (base / "models").rglob("*.*"):
        path.unlink()  # 15 GB at full size


def peak_memory(pid: int) -> int:
    """Maximum resident memory of a process in bytes (Linux)."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1])


def test_the_workflow_has_the_settings_of_the_release(released):
    """They are left to the model; tests/core/models/test_info.py has those of the released weights."""
    server, _, _ = released
    prompt, _ = load_prompt(WORKFLOWS / "text_to_video_released.json", server.object_info())
    inputs = {node["class_type"]: node["inputs"] for node in prompt.values()}
    prior, video, cues = (inputs[f"HiGen{n}"] for n in ("SpatialPriorSampler", "TemporalSampler", "CueSchedule"))
    assert {prior["steps"], video["steps"], prior["width"], prior["height"], cues["frames"]} == {0}
    assert {prior["cfg"], video["cfg"], cues["motion"], cues["appearance"]} == {-1}


@pytest.mark.slow
def test_both_stages_run_and_the_video_is_of_the_released_size(released, capsys):
    server, prompt, sizes = released
    before = len(server.log())
    run = server.run(prompt, seconds=7200)
    assert run.ending == "success", run.error
    (video,) = (entry for entry in saved_files(run.outputs) if entry["filename"].endswith(".mp4"))
    assert frames_of(server.output_path(video)).shape == (32, 256, 448, 3)
    peak = peak_memory(server.process.pid)
    plans = [line for line in server.log()[before:].splitlines() if " frames at a time, " in line]
    with capsys.disabled():
        times = {e.data["node"]: round(e.seconds) for e in run.events if e.type == "executing"}
        print(f"\n{sizes.names[0]}: peak {peak / GB:.1f} GB, seconds at each node's start {times}", *plans, sep="\n")
    assert peak < MAX_MEMORY
    assert "448x256 pixels: the VAE decodes 8 of 32 frames at a time" in plans[-1]


def write_lora(path: Path, config: hg.UNetConfig) -> None:
    """A LoRA of rank 4 with random values, on the query of every attention."""
    with torch.device("meta"):
        unet = hg.UNet(config)
    tensors = {}
    for name, tensor in unet.state_dict().items():
        if name.endswith(".q.weight"):
            out_width, in_width = tensor.shape
            tensors[f"diffusion_model.{name.removesuffix('.weight')}.lora_up.weight"] = torch.randn(out_width, 4) * 0.01
            tensors[f"diffusion_model.{name.removesuffix('.weight')}.lora_down.weight"] = torch.randn(4, in_width)
    path.parent.mkdir(exist_ok=True)
    save_file(tensors, path)


@pytest.mark.slow
def test_both_stages_run_in_ksampler_with_a_lora(released, capsys):
    server, prompt, sizes = released
    write_lora(server.base / "models/loras/random.safetensors", sizes.unet)
    graph = Graph()
    loader = graph.add("HiGenLoader", **prompt[only(prompt, "HiGenLoader")]["inputs"])
    plain, clip = loader, output(loader, 1)
    model = graph.add("LoraLoaderModelOnly", model=plain, lora_name="random.safetensors", strength_model=1.0)
    positive, negative = (graph.add("CLIPTextEncode", clip=clip, text=text) for text in ("a panda", ""))
    options = {"seed": 1, "steps": 1, "cfg": 12.0, "sampler_name": "euler", "scheduler": "ddim_uniform", "denoise": 1.0}
    empty = graph.add("EmptyLatentImage", width=448, height=256, batch_size=1)
    prompts = {"positive": positive, "negative": negative}
    prior = graph.add("KSampler", model=model, latent_image=empty, **prompts, **options)
    cues = graph.add("HiGenCueSchedule", frames=32, motion=500, appearance=1.0)
    applied = graph.add("HiGenApplyCues", **prompts, cues=cues, prior=prior)
    prompts = {"positive": applied, "negative": output(applied, 1)}
    video = graph.add("KSampler", model=model, latent_image=output(applied, 2), **prompts, **options)
    prior, video = sampled(server, graph, prior, video, seconds=7200)
    assert prior.shape == (1, 4, 32, 56)
    assert video.shape == (32, 4, 32, 56)
    assert video.isfinite().all()
    peak = peak_memory(server.process.pid)
    with capsys.disabled():
        print(f"\n{sizes.names[0]}: KSampler with a LoRA, peak {peak / GB:.1f} GB")
    assert peak < MAX_MEMORY


@pytest.mark.slow
@pytest.mark.parametrize("frames", [8, 24, 40])
def test_other_lengths_work(released, frames):
    server, prompt, sizes = released
    if sizes is released_files.FULL:
        pytest.skip("the narrow network has the same cues")
    prompt = with_inputs(prompt, "HiGenSpatialPriorSampler", width=128, height=64)
    run = server.run(with_inputs(prompt, "HiGenCueSchedule", frames=frames))
    assert run.ending == "success", run.error
    (video,) = (entry for entry in saved_files(run.outputs) if entry["filename"].endswith(".mp4"))
    assert len(frames_of(server.output_path(video))) == frames


def test_windows_longer_than_the_training_clips_are_an_error_that_says_what_to_do(released):
    server, prompt, _ = released
    run = server.run(with_inputs(prompt, "HiGenTemporalSampler", context_length=33), seconds=3600)
    assert run.ending == "error"
    assert "context_length is 33, but this model was trained on 32 frames: lower it" in run.error
