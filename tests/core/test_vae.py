"""The autoencoder against the released one."""

import pytest
import torch

from higen_core import LATENT_SCALE, load_vae
from higen_core.config import RELEASED_VAE
from higen_core.vae import VAE

from . import golden


@pytest.fixture(scope="module")
def vae():
    return load_vae(golden.path("vae_small_weights"))


@torch.no_grad()
def test_both_ways_are_the_released_ones(vae):
    case = golden.cases("vae_small_cases")
    mean, logvar = vae.moments(case["image"])
    assert golden.max_error(mean, case["mean"]) <= 1e-4
    assert golden.max_error(logvar, case["logvar"]) <= 1e-4
    assert golden.max_error(vae.decode(case["latent"] * LATENT_SCALE), case["decoded"]) <= 1e-4


def test_full_size_autoencoder_has_the_released_tensors():
    with torch.device("meta"):
        ours = {f"first_stage_model.{name}": list(t.shape) for name, t in VAE(RELEASED_VAE).state_dict().items()}
    assert ours == golden.manifest("vae")


@torch.no_grad()
def test_a_video_decodes_the_same_in_chunks(vae):
    latents = torch.randn(2, 4, 5, 2, 3, generator=torch.Generator().manual_seed(0))
    whole, parts = vae.decode_video(latents, chunk=10), vae.decode_video(latents, chunk=3)
    assert whole.shape == (2, 5, 8, 12, 3)
    assert golden.max_error(whole, parts) <= 1e-5
    with pytest.raises(ValueError, match="chunk must be at least 1 frame, got 0"):
        vae.decode_video(latents, chunk=0)


def test_a_size_that_does_not_fit_is_named(vae):
    with pytest.raises(ValueError, match="multiple of 4, got 30x32"):
        vae.encode(torch.zeros(1, 3, 32, 30))
