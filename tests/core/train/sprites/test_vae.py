"""The autoencoder's training on sprites, and denoising residuals for its decoder."""

import random
import shutil

import pytest
import torch

from higen_core import load_unet, load_vae
from higen_core.train.sprites.config import SpriteVAETraining
from higen_core.train.sprites.images import SpriteImages
from higen_core.train.sprites.vae import SpriteFrameBatches, residual_clips
from higen_core.weights.checkpoint import save_network

from .. import tiny
from ..logged import scalars
from .runs import run

DECODER = {"init": "mini", "parts": "decoder"}
RESIDUALS = {"denoiser": "mini", "clip": "mini", "residuals": 4}


@pytest.fixture(scope="module")
def residuals(tmp_path_factory):
    """Four clips with the residuals of mini's denoiser."""
    config = SpriteVAETraining(out=tmp_path_factory.mktemp("residuals"), **RESIDUALS, **DECODER)
    return residual_clips(config, load_vae("mini"))


def test_the_shipped_config_runs(tmp_path):
    folder = run("vae", "mini_vae", out=tmp_path, steps=2, sample_every=2, scenes=4, precision="no")
    assert sorted(scalars(folder, "loss/pixel")) == [1, 2]
    latents = load_vae(tmp_path / "vae.safetensors").encode(torch.zeros(1, 3, 64, 64))
    assert latents.shape == (1, 4, 8, 8)
    assert (folder / "samples" / "0000002.png").is_file()


@pytest.mark.medium
def test_the_shipped_config_of_the_decoder_leaves_latents_as_they_are(tmp_path, residuals):
    """The second step has residuals."""
    shutil.copytree(residuals.folder, tmp_path / "vae" / "residuals")
    run("vae", "mini_decoder", out=tmp_path, steps=2, scenes=4, residuals=4, warmup=0, precision="no")
    trained, mini = load_vae(tmp_path / "vae.safetensors"), load_vae("mini")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    latents = mini.encode(images)
    assert torch.equal(trained.encode(images), latents)
    assert not torch.equal(trained.decode(latents), mini.decode(latents))


def test_a_decoder_is_trained_with_more_and_less_noise_in_its_latents(tmp_path):
    config = SpriteVAETraining(out=tmp_path, latent_noise=0.2, scenes=16, **DECODER)
    _, noise, added = SpriteFrameBatches(SpriteImages(), load_vae("mini"), config)(0, 0)
    deviation = added.std(dim=(1, 2, 3))
    assert len(added) == 16 and deviation.max() < 0.25 and deviation.min() < 0.1 < deviation.max()
    assert abs(torch.corrcoef(torch.stack([noise.flatten(), added.flatten()]))[0, 1]) < 0.1


@pytest.mark.medium
def test_residuals_are_largest_where_the_sprite_is(residuals):
    parts = [residuals.frames_and_residuals(random.Random(seed), 4) for seed in range(4)]
    frames, errors = (torch.cat(part) for part in zip(*parts, strict=True))
    foreground = (frames - frames[:, :1, :1]).abs().mean(-1) > 0.1
    coverage = torch.nn.functional.avg_pool2d(foreground.float()[:, None], 8)
    error = errors.square().mean(1, keepdim=True)
    assert 0.01 < error.mean().sqrt() < 0.5
    assert error[coverage > 0.5].mean() > 3 * error[coverage == 0].mean()


@pytest.mark.medium
def test_every_second_batch_has_residuals(tmp_path, residuals):
    config = SpriteVAETraining(out=tmp_path, scenes=4, **RESIDUALS, **DECODER)
    batches = SpriteFrameBatches(SpriteImages(), load_vae("mini"), config, residuals)
    batch = images, noise, added = batches(1, 1)
    assert images.shape == (4, 3, 64, 64)
    assert added.any() and noise.shape == added.shape == (4, 4, 8, 8)
    assert not batches(0, 0)[2].any()  # latent_noise is 0
    assert all(torch.equal(first, second) for first, second in zip(batch, batches(1, 1), strict=True))


def test_a_denoiser_of_other_data_is_refused(tmp_path):
    save_network(tmp_path / "other.safetensors", load_unet("mini"), torch.float16)
    with pytest.raises(ValueError, match="other.safetensors was not trained on sprites"):
        run("vae", out=tmp_path, steps=1, denoiser=str(tmp_path / "other.safetensors"), clip="mini", **DECODER)


def test_a_resumed_training_has_the_losses_of_an_unbroken_one(tmp_path):
    options = {"network": tiny.VAE_SIZES, "scenes": 4, "precision": "no"}
    whole = run("vae", out=tmp_path / "whole", steps=4, **options)
    run("vae", out=tmp_path / "parts", steps=2, **options)
    parts = run("vae", out=tmp_path / "parts", steps=4, **options)
    curves = [scalars(folder, "loss/pixel") for folder in (whole, parts)]
    assert len(curves[0]) == 4
    assert curves[0] == curves[1]
