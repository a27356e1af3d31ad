"""The training of a LoRA: what it writes, that the network's own weights stay, and that it resumes to the bit."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import higen_core as hg
from higen_core.train.checkpoint import changed_options
from higen_core.train.lora import training
from higen_core.train.lora.adapters import target_layers
from higen_core.train.lora.config import LoraTraining
from higen_core.train.options import read_config

from .. import tiny
from ..logged import scalars


def options(folder: Path, videos: Path, **changes) -> dict:
    """Options of a short training of adapters on a tiny network."""
    tiny.networks(folder)
    init = tiny.trained_denoiser(folder / "init.safetensors", frames=4, fps=8, width=32, height=32)
    short = {"steps": 2, "images": 2, "videos": 1, "shard_frames": 64, "warmup": 1, "rank": 2, "init": str(init)}
    return {"out": folder, "data": str(videos), "precision": "no", "log_every": 1} | short | changes


def train(**flags) -> Path:
    config = read_config(LoraTraining, None, flags)
    training.main(config)
    return config.out


@pytest.mark.medium
@pytest.mark.parametrize("target", ["motion", "appearance"])
def test_the_file_has_the_adapters_of_the_target_only(tmp_path, videos, target):
    before = load_file(train(**options(tmp_path, videos, target=target)) / "init.safetensors")
    unet = hg.load_unet(tmp_path / "init.safetensors")
    assert all(torch.equal(unet.state_dict()[name], weight) for name, weight in before.items())
    hg.load_lora(unet, tmp_path / "lora.safetensors")
    changed = {name for name, weight in unet.state_dict().items() if not torch.equal(weight, before[name])}
    layers = set(target_layers(unet, target))
    assert changed and {name.removesuffix(".weight") for name in changed} <= layers
    with safe_open(tmp_path / "lora.safetensors", "pt") as file:
        metadata = file.metadata()
    assert (metadata["target"], metadata["rank"], metadata["steps"]) == (f'"{target}"', "2", "2")
    assert bool(scalars(tmp_path / "lora", "loss/video"))
    assert ("loss/image" in tags(tmp_path / "lora")) is (target == "appearance")


@pytest.mark.medium
def test_a_dora_on_quantized_weights_is_resumed(tmp_path, videos):
    train(**options(tmp_path, videos, base="int8", dora=True))
    train(**options(tmp_path, videos, base="int8", dora=True, steps=3))
    assert list(scalars(tmp_path / "lora", "loss/video")) == [1, 2, 3]
    assert torch.load(tmp_path / "lora" / "state.pt", weights_only=True)["frozen"]


def tags(folder: Path) -> list[str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder / "logs")).Reload().Tags()["scalars"]


@pytest.mark.medium
def test_a_resumed_training_has_the_file_of_an_unbroken_one_and_its_state_only_the_adapters(tmp_path, videos):
    whole = train(**options(tmp_path / "whole", videos, steps=4))
    parts = train(**options(tmp_path / "parts", videos, steps=4) | {"steps": 2})
    train(**options(tmp_path / "parts", videos, steps=4))
    names = scalars(whole / "lora", "loss/video"), scalars(parts / "lora", "loss/video")
    assert len(names[0]) == 4
    assert names[0] == names[1]
    expected = load_file(whole / "lora.safetensors")
    assert all(torch.equal(value, expected[name]) for name, value in load_file(parts / "lora.safetensors").items())
    state = torch.load(parts / "lora" / "state.pt", weights_only=True)
    assert all(".lora_" in name for name in state["model"])
    assert len(state["optimizer"]["state"]) == len(state["model"])


def test_a_training_needs_weights_and_a_known_target(tmp_path, videos):
    for changes, message in (
        ({"init": ""}, "init must name the weights that the LoRA is for"),
        ({"target": "style"}, "target must be one of motion, appearance, all, got 'style'"),
        ({"rank": 0}, "rank must be in 1..inf, got 0"),
        ({"target": "motion", "spatial_warmup_steps": 5}, "spatial_warmup_steps must be 0 with target motion"),
    ):
        with pytest.raises(ValueError, match=message):
            LoraTraining(**options(tmp_path, videos, **changes))


def test_a_run_from_mini_is_resumed_by_the_same_command(tmp_path, videos):
    """The networks that it takes from mini, and the images that motion does not need, are no changed options."""
    config = LoraTraining(out=tmp_path, data=str(videos), init="mini", target="motion")
    assert (config.vae, config.clip, config.images) == ("mini", "mini", 0)
    assert changed_options(config, config.to_dict()) == []
