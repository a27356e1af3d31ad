"""The denoiser's training: its batches, fine-tuning from any weights, and what is saved with the result."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from higen_core import load_clip, load_unet, load_vae
from higen_core.diffusion.schedule import x0_and_eps
from higen_core.models.info import ModelInfo
from higen_core.models.unet import UNet
from higen_core.train import denoiser
from higen_core.train.config import DenoiserTraining
from higen_core.train.data.data_set import video_data_set
from higen_core.train.denoiser import HIGH_NOISE, ClipBatches, high_noise_timesteps, power_timesteps
from higen_core.train.options import read_config
from higen_core.weights.key_mapping import released_name

from . import tiny
from .logged import scalars

LARGEST = 1 - 2**-24
"""The largest number that torch.rand returns."""
SIZE = {"frames": 4, "fps": 8.0, "width": 32, "height": 32}


def options(folder: Path, videos: Path, **changes) -> dict:
    """Options of a short training of a tiny network."""
    tiny.networks(folder)
    short = {"steps": 1, "images": 2, "videos": 1, "spatial_warmup_steps": 0, "shard_frames": 64, "warmup": 100}
    return {"out": folder, "data": str(videos), "precision": "no", "log_every": 1} | short | changes


def train(file: Path | None = None, **flags) -> Path:
    config = read_config(DenoiserTraining, file, flags)
    denoiser.main(config)
    return config.folder


def metadata(path: Path) -> dict:
    with safe_open(path, "pt") as file:
        return {name: json.loads(value) for name, value in file.metadata().items()}


@pytest.fixture(scope="module")
def make_batches(tmp_path_factory, videos):
    """Batches of the videos, with some options changed."""
    folder = tmp_path_factory.mktemp("batches")

    def make(info: ModelInfo | None = None, **changes) -> ClipBatches:
        config = DenoiserTraining(**options(folder, videos, **SIZE) | {"steps": 9} | changes)
        vae, clip = denoiser.frozen_networks(config)
        data_set = video_data_set(config, vae, clip, ModelInfo())
        return ClipBatches(data_set, clip, config, info or data_set.info)

    return make


def test_a_batch_has_images_and_after_the_warmup_clips(make_batches):
    batches = make_batches(images=3, videos=2, spatial_warmup_steps=5)
    assert {name: tuple(sample.x.shape) for name, sample in batches(4, 0).items()} == {"image": (6, 4, 1, 4, 4)}
    samples = batches(5, 0)
    shapes = {name: tuple(sample.x.shape) for name, sample in samples.items()}
    assert shapes == {"image": (3, 4, 1, 4, 4), "video": (2, 4, 4, 4, 4)}
    assert set(samples["image"].conditions) == {"text"}
    assert set(samples["video"].conditions) == {"text", "prior", "motion", "appearance"}


def test_a_batch_is_the_same_in_every_run_and_differs_from_the_next(make_batches):
    first, again, next_ = (make_batches()(0, index)["video"] for index in (7, 7, 8))
    assert torch.equal(first.x, again.x) and torch.equal(first.t, again.t)
    assert not torch.equal(first.x, next_.x)


def test_the_prior_is_the_first_frame(make_batches):
    """Faded by a random strength with probability prior_dropout."""
    for dropout in (0.0, 1.0):
        video = make_batches(prior_dropout=dropout, videos=8)(0, 0)["video"]
        x0, _ = x0_and_eps(video.x, video.target, video.t)
        strength = (video.conditions["prior"] / x0[:, :, 0]).flatten(1).median(1).values
        if dropout:
            assert 0 < strength.min() < 0.5 < strength.max() < 1
        else:
            assert torch.allclose(strength, torch.ones(8), atol=1e-3)


def test_noise_is_correlated_as_the_info_says(make_batches):
    info = ModelInfo(noise_correlation=300.0)
    for given, correlated in ((info, True), (None, False)):
        batches = make_batches(given, static_clip_prob=1.0, cue_dropout=0.0, videos=4)
        video = batches(0, 0)["video"]
        _, eps = x0_and_eps(video.x, video.target, video.t)
        assert torch.allclose(eps[:, :, 0], eps[:, :, 1], atol=1e-3) is correlated


@pytest.mark.parametrize("power", [1e-6, 0.3, 0.5, 0.7, 1.0, 3.0])
def test_a_time_step_never_reaches_1000(power):
    """In float32, u^power rounds up to 1 for powers up to 0.5."""
    assert power_timesteps(torch.tensor([LARGEST]), power).tolist() == [999]
    assert power_timesteps(torch.tensor([0.0]), power).tolist() == [0]


def test_a_time_step_of_high_noise_never_reaches_1000():
    assert high_noise_timesteps(torch.tensor([0.0, 0.5, LARGEST])).tolist() == [HIGH_NOISE, 800, 999]


@pytest.mark.parametrize("high_noise_prob", [0.0, 1.0])
def test_a_batch_of_the_largest_random_numbers_has_the_last_time_step(make_batches, monkeypatch, high_noise_prob):
    batches = make_batches(high_noise_prob=high_noise_prob)
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.full(size if size != ((),) else (), LARGEST))
    for sample in batches(0, 0).values():
        assert (sample.t == 999).all()
        assert sample.x.isfinite().all() and sample.target.isfinite().all()


@pytest.mark.medium
def test_the_shipped_config_fine_tunes_mini(tmp_path):
    tiny.film(tmp_path / "videos" / "a.mp4", frames=20)
    short = {"steps": 1, "shard_frames": 64, "sample_every": 1, "sample_steps": 1, "windows": 1, "lr": 0.0}
    data = str(tmp_path / "videos")
    folder = train(Path("finetune"), out=tmp_path, data=data, precision="no", log_every=1, **short)
    assert 0 < scalars(folder, "loss/video")[1] < 1.5
    assert (folder / "samples" / "0000001.gif").is_file()
    tuned, mini = load_unet(tmp_path / "denoiser.safetensors"), load_unet("mini")
    assert all(torch.equal(weight, mini.state_dict()[name]) for name, weight in tuned.state_dict().items())
    for name in ("frames", "fps", "width", "height", "motion_scale", "similarity_floor"):
        assert getattr(tuned.info, name) == getattr(mini.info, name)
    for name in ("noise_correlation", "appearance_guidance", "timestep_spacing"):
        assert getattr(tuned.info, name) == getattr(mini.info, name)
    of_mini = ("motion_response", "schedules", "vocabulary", "prompts")  # captions may have other words
    assert all(getattr(mini.info, name) != getattr(ModelInfo(), name) for name in of_mini)
    assert all(getattr(tuned.info, name) == getattr(ModelInfo(), name) for name in of_mini)


def test_properties_of_the_clips_and_all_options_are_saved_with_the_weights(tmp_path, videos):
    init = tiny.denoiser(tmp_path / "init.safetensors", frames=16, fps=8, width=64, height=64, motion_scale=40_000)
    size = {"frames": 4, "fps": 4.0, "width": 32, "height": 32}
    sampling = {"noise_correlation": 200.0, "timestep_spacing": "trailing"}
    train(**options(tmp_path, videos, init=str(init), **sampling, **size))
    info = load_unet(tmp_path / "denoiser.safetensors").info
    expected = size | {"motion_scale": 40_000, "similarity_floor": 0.0, "steps": 1} | sampling
    assert {name: getattr(info, name) for name in expected} == expected
    assert "prior_frame" not in metadata(tmp_path / "denoiser.safetensors")
    config = DenoiserTraining(**options(tmp_path, videos, init=str(init), **sampling, **size))
    assert info.training == config.to_metadata()
    assert "out" not in info.training


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_weights_of_the_released_layout_are_fine_tuned(tmp_path, videos, kind, monkeypatch):
    """Narrow ones; without a config in their metadata the loader takes them for the released network."""
    torch.manual_seed(2)
    narrow = UNet(tiny.unet_config())
    for weight in narrow.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    tensors = {released_name(name): tensor for name, tensor in narrow.state_dict().items()}
    monkeypatch.setattr("higen_core.weights.checkpoint.RELEASED", tiny.unet_config())
    path = tmp_path / f"higen.{kind}"
    save_file(tensors, path) if kind == "safetensors" else torch.save({"state_dict": tensors}, path)
    before = path.read_bytes()
    size = {"width": 32, "height": 32, "frames": 4}
    folder = train(**options(tmp_path, videos, init=str(path), **size) | {"steps": 3, "lr": 1e-2})
    assert len(scalars(folder, "loss/video")) == 3
    tuned = load_unet(tmp_path / "denoiser.safetensors")
    distance = max((a - b).abs().max().item() for a, b in zip(tuned.parameters(), narrow.parameters(), strict=True))
    assert 1e-5 < distance < 0.1
    assert (tuned.info.fps, tuned.info.motion_scale) == (8, 10_000)
    assert path.read_bytes() == before


def test_properties_that_nothing_sets_are_asked_for(tmp_path, videos):
    size = {"frames": 4, "fps": 8.0, "width": 32}
    with pytest.raises(ValueError, match="height is needed: it is not set, and without init there are no weights"):
        train(**options(tmp_path, videos, network=tiny.UNET, **size))


def test_a_size_that_the_autoencoder_cannot_take_is_refused(tmp_path, videos):
    with pytest.raises(ValueError, match="width and height must be multiples of 8, got 36x32"):
        train(**options(tmp_path, videos, network=tiny.UNET, **SIZE | {"width": 36}))


def test_a_resumed_training_has_the_losses_of_an_unbroken_one(tmp_path, videos):
    """Weights that start at random, noise, data and averages: all of it comes back."""
    flags = {"network": tiny.UNET} | SIZE
    whole = train(**options(tmp_path / "whole", videos, **flags) | {"steps": 6})
    parts = train(**options(tmp_path / "parts", videos, **flags) | {"steps": 3})
    train(**options(tmp_path / "parts", videos, **flags) | {"steps": 6})
    for loss in ("image", "video"):
        curves = [scalars(folder, f"loss/{loss}") for folder in (whole, parts)]
        assert len(curves[0]) == 6
        assert curves[0] == curves[1]


@pytest.mark.medium
def test_held_out_loss_and_cue_error_are_measured_every_few_steps(tmp_path, videos):
    """On videos that are not trained on: no batch has one of them."""
    flags = {"network": tiny.UNET, "similarity_floor": 0.0, "windows": 2, "held_out": 0.4, "seed": 1} | SIZE
    flags |= {"eval_every": 2, "sample_every": 4, "sample_steps": 1, "steps": 4, "lr": 1e-2}
    folder = train(**options(tmp_path, videos, **flags))
    for name in [f"held_out/{part}" for part in ("mean", "t100", "t300", "t500", "t700", "t900")]:
        values = scalars(folder, name)
        assert list(values) == [2, 4] and values[2] != values[4]
    assert 0 <= scalars(folder, "cue_error/motion")[2] <= 1000
    assert 0 <= scalars(folder, "cue_error/appearance")[2] <= 1
    assert (folder / "samples" / "0000004.gif").is_file()
    config = DenoiserTraining(**options(tmp_path, videos, **flags))
    data_set = video_data_set(config, *denoiser.frozen_networks(config), ModelInfo())
    held_out, trained = set(data_set.held_out.captions()), set(data_set.clips.captions())
    assert held_out and trained and not held_out & trained
    assert len(held_out | trained) == 3


def test_one_video_is_not_enough_to_hold_one_out(tmp_path):
    tiny.film(tmp_path / "videos" / "a.mp4")
    flags = options(tmp_path, tmp_path / "videos", network=tiny.UNET, similarity_floor=0.0, held_out=0.1, **SIZE)
    with pytest.raises(ValueError, match="held_out = 0.1 needs two videos that can be used, there is 1"):
        train(**flags)


def test_the_networks_that_are_not_trained_stay_frozen(tmp_path, videos):
    config = DenoiserTraining(**options(tmp_path, videos) | {"vae": "mini", "clip": "mini"})
    vae, clip = denoiser.frozen_networks(config)
    assert not any(weight.requires_grad for network in (vae, clip) for weight in network.parameters())
    assert vae.config == load_vae("mini").config and clip.config == load_clip("mini").config
