"""The denoiser's training on sprites: its batches, its start from the spatial layers of a network, and its runs."""

from dataclasses import replace

import pytest
import torch

from higen_core import load_clip, load_unet, load_vae
from higen_core.cues.cues import NULL_APPEARANCE, NULL_MOTION
from higen_core.diffusion.schedule import x0_and_eps
from higen_core.models.info import ModelInfo
from higen_core.models.unet import UNet
from higen_core.train.denoiser import HIGH_NOISE
from higen_core.train.sprites.config import SpriteDenoiserTraining
from higen_core.train.sprites.denoiser import SpriteClipBatches, keep_spatial, sprite_data_set
from higen_core.train.sprites.scenes import FRAMES, MOTION_SCALE, SIZE
from higen_core.weights.checkpoint import MINI_DIR

from .. import tiny
from ..logged import scalars
from .runs import run

STEP = 2000  # after the spatial warmup


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    """Of small random networks, with two clips in a file."""
    out = tiny.networks(tmp_path_factory.mktemp("batches"))
    config = SpriteDenoiserTraining(out=out, videos=1, images=1, paired_clips=3, shard_frames=32)
    vae, clip = load_vae(out / "vae.safetensors"), load_clip(out / "clip.safetensors")
    data_set = sprite_data_set(config, vae, clip, ModelInfo())
    return SpriteClipBatches(data_set, clip, config, data_set.info)


def test_paired_clips_have_one_prior_time_step_and_noise(batches):
    paired = batches(STEP, 0)["paired"]
    assert len(paired.t) == 6
    assert (paired.t >= HIGH_NOISE).all()
    assert torch.equal(paired.t[::2], paired.t[1::2])
    priors = paired.conditions["prior"]
    assert torch.allclose(priors[::2], priors[1::2], atol=1e-2)
    _, eps = x0_and_eps(paired.x, paired.target, paired.t)
    assert torch.allclose(eps[::2], eps[1::2], atol=1e-2)
    assert not torch.allclose(eps[0], eps[2], atol=1e-1)
    assert not torch.allclose(paired.x[::2], paired.x[1::2], atol=1e-2)


def test_paired_clips_come_after_the_spatial_warmup_if_the_config_asks_for_them(batches):
    assert set(batches(999, 0)) == {"image"}
    assert set(batches(1000, 0)) == {"image", "video", "paired"}
    config = replace(batches.config, paired_clips=0)
    plain = SpriteClipBatches(
        batches.data_set, load_clip(batches.config.out / "clip.safetensors"), config, batches.info
    )
    assert set(plain(1000, 0)) == {"image", "video"}


def test_the_other_samples_do_not_depend_on_paired_clips(batches):
    config = replace(batches.config, paired_clips=0)
    plain = SpriteClipBatches(
        batches.data_set, load_clip(batches.config.out / "clip.safetensors"), config, batches.info
    )(STEP, 7)
    paired = batches(STEP, 7)
    for name, sample in plain.items():
        assert torch.equal(sample.x, paired[name].x)


def test_without_prior_and_cues_paired_clips_have_neither(batches):
    config = replace(batches.config, prior_strength=0.0, cue_dropout=1.0)
    plain = SpriteClipBatches(
        batches.data_set, load_clip(batches.config.out / "clip.safetensors"), config, batches.info
    )(STEP, 0)
    for sample in (plain["paired"], plain["video"]):
        assert not sample.conditions["prior"].any()
        assert (sample.conditions["motion"] == NULL_MOTION).all()
        assert (sample.conditions["appearance"] == NULL_APPEARANCE).all()
    conditions = batches(STEP, 0)["paired"].conditions
    assert (conditions["motion"] >= 0).all()
    assert (conditions["appearance"] >= 0).all()


@pytest.mark.medium
def test_the_data_set_decides_size_and_cue_scales_and_the_weights_the_rest(tmp_path):
    config = SpriteDenoiserTraining(out=tmp_path, shard_frames=64)
    info = ModelInfo(frames=99, noise_correlation=300.0, timestep_spacing="trailing")
    info = sprite_data_set(config, load_vae("mini"), load_clip("mini"), info).info
    assert (info.frames, info.width, info.height, info.motion_scale) == (FRAMES, SIZE, SIZE, MOTION_SCALE)
    assert (info.noise_correlation, info.timestep_spacing) == (300.0, "trailing")
    mini = load_unet("mini").info
    assert (info.similarity_floor, info.vocabulary) == (mini.similarity_floor, mini.vocabulary)


@pytest.fixture(scope="module")
def trained() -> UNet:
    """No residual branch is zero, as after a training."""
    generator = torch.Generator().manual_seed(0)
    unet = UNet(tiny.unet_config())
    for weight in unet.parameters():
        weight.data = 0.1 * torch.randn(weight.shape, generator=generator)
    return unet


@pytest.fixture(scope="module")
def conditions() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {"t": torch.tensor([700]), "text": torch.randn(1, 3, 32, generator=generator)}


def noise(frames: int) -> torch.Tensor:
    return torch.randn(1, 4, frames, 8, 8, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_keep_spatial_leaves_the_spatial_stage_as_it_is(trained, conditions):
    image = noise(1)
    before, after = trained(image, **conditions), keep_spatial(trained)(image, **conditions)
    assert before.std() > 0.01
    assert torch.allclose(after, before, atol=1e-4 * float(before.std()))


@torch.no_grad()
def test_keep_spatial_generates_frames_as_images_without_prior_and_cues(trained, conditions):
    unet, video = keep_spatial(trained), noise(3)
    cues = {"prior": noise(1)[:, :, 0], "motion": torch.full((1, 2), 600), "appearance": torch.rand(1, 3, 32)}
    frames = torch.cat([unet(video[:, :, [i]], **conditions) for i in range(3)], dim=2)
    assert torch.allclose(unet(video, **conditions, **cues), frames, atol=1e-4 * float(frames.std()))
    assert not torch.allclose(trained(video, **conditions, **cues), frames, atol=0.1 * float(frames.std()))


@pytest.fixture
def out(tmp_path):
    """A folder with the towers of mini and a small random autoencoder."""
    tiny.networks(tmp_path)
    (tmp_path / "clip.safetensors").unlink()
    (tmp_path / "clip.safetensors").symlink_to(MINI_DIR / "clip.safetensors")
    return tmp_path


SHORT = {"shard_frames": 32, "images": 2, "videos": 1, "paired_clips": 1, "precision": "no"}


@pytest.mark.medium
def test_the_shipped_config_runs(out):
    folder = run(
        "denoiser",
        "mini_denoiser",
        out=out,
        steps=2,
        spatial_warmup_steps=1,
        sample_every=2,
        sample_steps=2,
        **SHORT,
    )
    assert list(scalars(folder, "loss/image")) == [1, 2]
    assert list(scalars(folder, "loss/video")) == list(scalars(folder, "loss/paired")) == [2]
    assert (folder / "samples" / "0000002.gif").is_file()
    trained, mini = load_unet(out / "denoiser.safetensors"), load_unet("mini")
    assert trained.config == mini.config
    beside_the_file = {"sampling", "prompts", "motion_response", "schedules"}
    assert set(mini.info.to_metadata()) - set(mini.info.extra) - beside_the_file <= set(trained.info.to_metadata())
    for name in ("noise_correlation", "appearance_guidance", "timestep_spacing"):
        assert getattr(trained.info, name) == getattr(mini.info, name)
    assert (trained.info.steps, trained.info.training["paired_clips"]) == (2, 1)


@pytest.mark.slow
def test_the_shipped_config_of_the_baseline_keeps_the_spatial_layers_of_mini_alone(out):
    run("denoiser", "mini_baseline", out=out, steps=1, lr=0.0, **SHORT)
    plain, mini = (load_unet(source).state_dict() for source in (out / "denoiser.safetensors", "mini"))
    spatial, temporal = "middle.0.in_conv.weight", "middle.0.temporal.convs.3.weight"
    assert torch.equal(plain[spatial], mini[spatial])
    assert mini[temporal].any()
    assert not plain[temporal].any()


@pytest.mark.slow
def test_a_resumed_training_has_the_losses_of_an_unbroken_one(tmp_path):
    options = SHORT | {"network": tiny.UNET, "spatial_warmup_steps": 1}
    whole = run("denoiser", out=tiny.networks(tmp_path / "whole"), steps=4, **options)
    run("denoiser", out=tiny.networks(tmp_path / "parts"), steps=2, **options)
    parts = run("denoiser", out=tmp_path / "parts", steps=4, **options)
    for name, steps in (("image", [1, 2, 3, 4]), ("video", [2, 3, 4]), ("paired", [2, 3, 4])):
        curves = [scalars(folder, f"loss/{name}") for folder in (whole, parts)]
        assert list(curves[0]) == steps
        assert curves[0] == curves[1]
