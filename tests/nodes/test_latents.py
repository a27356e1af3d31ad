"""Invalid latents give an error that names the input."""

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.nodes import latents


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
        latents.check_prior({"samples": torch.zeros(shape)}, 16)


def test_a_latent_with_nan_is_rejected():
    samples = torch.zeros(1, 4, 8, 8)
    samples[0, 2, 3, 4] = torch.nan
    with pytest.raises(ValueError, match="prior has NaN"):
        latents.check_prior({"samples": samples}, 16)


def test_an_empty_video_has_the_length_of_the_cues_and_the_size_of_the_prior():
    video = latents.empty_video(hg.Cues.constant(5), {"samples": torch.ones(1, 4, 8, 16)})
    assert video["samples"].shape == (5, 4, 8, 16)
    assert not video["samples"].any()
