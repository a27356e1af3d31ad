"""The autoencoder's training on videos."""

from pathlib import Path

import pytest
import torch

from higen_core import load_vae
from higen_core.train import vae
from higen_core.train.config import VAETraining
from higen_core.train.options import read_config
from higen_core.train.vae import FrameBatches, init_weights, normalize_latents

from . import tiny
from .logged import scalars

SIZE = {"frames": 4, "fps": 4.0, "width": 32, "height": 32, "shard_frames": 8}
SHORT = {"precision": "no", "log_every": 1, "warmup": 100}


def train(folder: Path, videos: Path, **flags) -> Path:
    config = read_config(VAETraining, None, {"out": folder, "data": str(videos)} | SIZE | SHORT | flags)
    vae.main(config)
    return config.folder


class Squares:
    """An image data set: gray frames, white in the center."""

    words, texts = [], []

    def frames(self, rng):
        frames = torch.full((4, 32, 48, 3), rng.random())
        frames[:, 15:17, 23:25] = 1
        return frames, torch.tensor([[24.0, 16.0]]).expand(4, 2)


@pytest.fixture
def squares(tmp_path):
    def make(**options) -> FrameBatches:
        config = VAETraining(out=tmp_path, data="v", scenes=16, **options)
        return FrameBatches(Squares(), load_vae("mini"), config)

    return make


def test_three_batches_of_four_are_crops_around_what_there_is_to_see(squares):
    batches = squares()
    shapes = [tuple(batches(step, step)[0].shape) for step in range(4)]
    assert shapes == [(16, 3, 32, 48), *3 * [(64, 3, 16, 24)]]
    crops = batches(1, 1)[0]
    assert (crops.flatten(2).amax(2) == 1).float().mean() > 0.5


def test_a_batch_is_the_same_in_every_run(squares):
    for first, again in zip(squares()(1, 5), squares()(1, 5), strict=True):
        assert torch.equal(first, again)


def test_latents_get_noise_of_different_strength_for_a_decoder(squares):
    _, noise, added = squares(init="mini", parts="decoder", latent_noise=0.2)(0, 0)
    deviation = added.std(dim=(1, 2, 3))
    assert len(added) == 16 and deviation.max() < 0.25 and deviation.min() < 0.1 < deviation.max()
    assert abs(torch.corrcoef(torch.stack([noise.flatten(), added.flatten()]))[0, 1]) < 0.1
    assert not squares()(0, 0)[2].any()


def test_latents_are_normalized_and_images_stay_the_same():
    torch.manual_seed(0)
    network = init_weights(vae.VAE(vae.VAEConfig.from_dict(tiny.VAE_SIZES))).eval()
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        before = network.decode(network.encode(images))
        normalize_latents(network, images)
        latents = network.encode(images)
        torch.testing.assert_close(network.decode(latents), before, atol=1e-4, rtol=0)
    assert float(latents.std()) == pytest.approx(1, abs=1e-4)


def test_it_is_trained_on_videos(tmp_path, videos):
    """Of any proportions, and the options are saved with the weights."""
    options = {"network": tiny.VAE_SIZES, "steps": 4, "height": 48, "sample_every": 4}
    folder = train(tmp_path, videos, **options)
    assert len(scalars(folder, "loss/pixel")) == 4
    assert (folder / "samples" / "0000004.png").is_file()
    trained = load_vae(tmp_path / "vae.safetensors")
    assert trained.encode(torch.zeros(1, 3, 64, 64)).shape == (1, 4, 8, 8)
    config = VAETraining(out=tmp_path, data=str(videos), **SIZE | SHORT | options)
    assert trained.info.training == config.to_metadata()
    assert trained.info.steps == 4


@pytest.mark.medium
def test_a_trained_decoder_decodes_the_same_latents(tmp_path, videos):
    train(tmp_path, videos, init="mini", parts="decoder", steps=2, lr=1e-3, warmup=0)
    tuned, mini = load_vae(tmp_path / "vae.safetensors"), load_vae("mini")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    latents = mini.encode(images)
    assert torch.equal(tuned.encode(images), latents)
    assert not torch.equal(tuned.decode(latents), mini.decode(latents))


def test_a_size_that_cannot_be_cropped_is_refused(tmp_path, videos):
    with pytest.raises(ValueError, match="multiples of 16, got 40x32"):
        train(tmp_path, videos, steps=1, width=40)


def test_a_resumed_training_has_the_losses_of_an_unbroken_one(tmp_path, videos):
    options = {"network": tiny.VAE_SIZES, "scenes": 4}
    whole = train(tmp_path / "whole", videos, steps=6, **options)
    train(tmp_path / "parts", videos, steps=3, **options)
    parts = train(tmp_path / "parts", videos, steps=6, **options)
    curves = [scalars(folder, "loss/pixel") for folder in (whole, parts)]
    assert len(curves[0]) == 6
    assert curves[0] == curves[1]
