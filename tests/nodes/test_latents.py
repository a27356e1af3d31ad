"""Conversion of LATENT to the core's tensors and back; invalid latents give an error that names the input."""

import pytest
import torch
from higen_pack.higen_core import LATENT_SCALE
from higen_pack.nodes import latents


def test_the_conversion_back_restores_a_latent():
    samples = torch.randn(1, 4, 8, 16)
    prior = latents.to_prior({"samples": samples}, 16)
    torch.testing.assert_close(latents.from_core(prior[:, :, None])["samples"], samples)


def test_priors_are_scaled_for_the_core():
    prior = latents.to_prior({"samples": torch.ones(1, 4, 8, 8)}, 16)
    assert prior.unique().item() == pytest.approx(LATENT_SCALE)


def test_a_video_has_its_frames_in_the_batch_in_order():
    video = torch.arange(16.0)[None, None, :, None, None].expand(1, 4, 16, 8, 8)
    samples = latents.from_core(video)["samples"]
    assert samples.shape == (16, 4, 8, 8)
    torch.testing.assert_close(samples[:, 0, 0, 0] * LATENT_SCALE, torch.arange(16.0))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 16, 8, 8), r"prior must be a picture's latent .* got \(1, 16, 8, 8\)"),
        ((1, 4, 1, 8, 8), r"prior must be a picture's latent .* got \(1, 4, 1, 8, 8\)"),
        ((16, 4, 8, 8), r"prior must be one picture, got 16 latents.*Latent From Batch"),
        ((1, 4, 7, 8), r"prior height must be a positive multiple of 16 pixels .* got 56"),
        ((1, 4, 8, 9), r"prior width must be a positive multiple of 16 pixels .* got 72"),
    ],
)
def test_a_latent_that_is_not_a_prior_is_rejected(shape, message):
    with pytest.raises(ValueError, match=message):
        latents.to_prior({"samples": torch.zeros(shape)}, 16)


def test_a_latent_with_nan_is_rejected():
    samples = torch.zeros(1, 4, 8, 8)
    samples[0, 2, 3, 4] = torch.nan
    with pytest.raises(ValueError, match="prior has NaN"):
        latents.to_prior({"samples": samples}, 16)
