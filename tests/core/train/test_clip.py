"""The towers' training on videos."""

from pathlib import Path

import pytest
import torch

from higen_core import load_clip
from higen_core.models.clip import CLIP
from higen_core.models.config import CLIPConfig
from higen_core.train import clip
from higen_core.train.clip import Towers, zero_unused_tokens
from higen_core.train.config import CLIPTraining
from higen_core.train.options import read_config

from . import tiny
from .logged import scalars

SIZE = {"frames": 4, "fps": 4.0, "width": 64, "height": 64, "shard_frames": 8}
SHORT = {"precision": "no", "log_every": 1, "warmup": 100, "pairs": 3}


def train(folder: Path, videos: Path, **flags) -> Path:
    config = read_config(CLIPTraining, None, {"out": folder, "data": str(videos)} | SIZE | SHORT | flags)
    clip.main(config)
    return config.folder


def test_they_are_trained_on_videos_with_the_contrastive_loss(tmp_path, videos):
    options = {"network": tiny.CLIP_SIZES, "steps": 2}
    folder = train(tmp_path, videos, **options)
    assert len(scalars(folder, "loss/contrast")) == 2
    trained = load_clip(tmp_path / "clip.safetensors")
    assert set(trained.info.vocabulary) == {word for text in videos.glob("*.txt") for word in text.read_text().split()}
    config = CLIPTraining(out=tmp_path, data=str(videos), **SIZE | SHORT | options)
    assert (trained.info.training, trained.info.steps) == (config.to_metadata(), 2)


def test_both_towers_are_fine_tuned_from_weights(tmp_path, videos):
    train(tmp_path, videos, init="mini", steps=2, lr=1e-3, warmup=0)
    tuned, mini = load_clip(tmp_path / "clip.safetensors"), load_clip("mini").state_dict()
    assert tuned.config == load_clip("mini").config
    for name in ("visual.proj", "text_projection"):
        distance = (tuned.state_dict()[name] - mini[name]).abs().max()
        assert 1e-4 < distance < 0.02
    unused = tuned.tokenize(["zebra"])[0, 1]  # not in the captions
    assert torch.equal(tuned.state_dict()["token_embedding.weight"][unused], mini["token_embedding.weight"][unused])


def test_words_that_are_never_trained_have_no_influence():
    torch.manual_seed(0)
    towers = CLIP(CLIPConfig.from_dict(tiny.CLIP_SIZES))
    table = towers.model.token_embedding.weight
    before = table.detach().clone()
    zero_unused_tokens(towers, ["a cat"])
    used = towers.tokenize(["a cat"]).unique()
    assert torch.equal(table[used], before[used])
    assert table.abs().sum(1).count_nonzero() == len(used)


def test_the_state_dict_is_that_of_a_module_and_the_file_that_of_a_clip(tmp_path):
    towers = Towers(CLIPConfig.from_dict(tiny.CLIP_SIZES))
    assert all(name.startswith("model.") for name in towers.state_dict())
    assert {f"model.{name}" for name in CLIP.state_dict(towers)} == set(towers.state_dict())


def test_images_of_another_size_than_the_towers_are_refused(tmp_path, videos):
    with pytest.raises(ValueError, match="takes 64x64 pixels, got width 32 and height 32"):
        train(tmp_path, videos, steps=1, width=32, height=32)


def test_a_resumed_training_has_the_losses_of_an_unbroken_one(tmp_path, videos):
    options = {"network": tiny.CLIP_SIZES}
    whole = train(tmp_path / "whole", videos, steps=6, **options)
    train(tmp_path / "parts", videos, steps=3, **options)
    parts = train(tmp_path / "parts", videos, steps=6, **options)
    curves = [scalars(folder, "loss/contrast") for folder in (whole, parts)]
    assert len(curves[0]) == 6
    assert curves[0] == curves[1]
