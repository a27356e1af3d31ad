"""The autoencoder against the released one."""

import pytest
import torch

from higen_core import LATENT_SCALE, load_vae
from higen_core.models.config import RELEASED_VAE
from higen_core.models.vae import VAE

from .. import golden


@pytest.fixture(scope="module")
def vae():
    return load_vae(golden.path("vae_small_weights"))


@torch.no_grad()
def test_encoding_and_decoding_are_those_of_the_released_network(vae):
    case = golden.cases("vae_small_cases")
    mean, logvar = vae.moments(case["image"])
    assert golden.max_error(mean, case["mean"]) <= 1e-4
    assert golden.max_error(logvar, case["logvar"]) <= 1e-4
    assert golden.max_error(vae.decode(case["latent"] * LATENT_SCALE), case["decoded"]) <= 1e-4


def test_full_size_autoencoder_has_the_released_tensors():
    with torch.device("meta"):
        shapes = {f"first_stage_model.{name}": list(t.shape) for name, t in VAE(RELEASED_VAE).state_dict().items()}
    assert shapes == golden.manifest("vae")


@torch.no_grad()
def test_a_video_is_decoded_the_same_in_chunks(vae):
    latents = torch.randn(2, 4, 5, 2, 3, generator=torch.Generator().manual_seed(0))
    exact, chunked = vae.decode_video(latents), vae.decode_video(latents, chunk=3)
    assert exact.shape == (2, 5, 8, 12, 3)
    assert golden.max_error(exact, chunked) <= 1e-5


def test_a_video_is_decoded_as_many_frames_at_a_time_as_the_caller_says(vae):
    """Planning is the caller's: `decode_video` does not query the free memory."""
    batch_sizes = []
    hook = vae.decoder.register_forward_pre_hook(lambda _, args: batch_sizes.append(len(args[0])))
    vae.decode_video(torch.zeros(1, 4, 8, 2, 2))
    vae.decode_video(torch.zeros(1, 4, 8, 2, 2), chunk=5)
    hook.remove()
    assert batch_sizes == [8, 5, 3]


def test_an_empty_chunk_is_refused(vae):
    with pytest.raises(ValueError, match="chunk must be at least 1 frame, got 0"):
        vae.decode_video(torch.zeros(1, 4, 8, 2, 2), chunk=0)


def test_an_image_of_a_wrong_size_is_refused(vae):
    with pytest.raises(ValueError, match="image size must be a multiple of 4, got 30x32"):
        vae.encode(torch.zeros(1, 3, 32, 30))
