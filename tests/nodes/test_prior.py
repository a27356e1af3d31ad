"""Pictures become priors that the Temporal Sampler takes, one video each."""

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.config import VAEConfig
from higen_pack.nodes.model import load_model
from higen_pack.nodes.prior import HiGenImagePrior
from higen_pack.nodes.vae import load_vae

from . import networks
from .test_samplers import sample_video

SMALL = VAEConfig(ch=32, ch_mult=(1, 1, 1, 1), num_res_blocks=1)
WIDGETS = {"width": 0, "height": 0, "fit": "crop", "background": "#808080"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("unet") / "unet.safetensors"
    return load_model(str(networks.random_file(path, hg.UNet, networks.UNET, **networks.TRAINED_ON)), "fp32")


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return load_vae(str(networks.random_file(tmp_path_factory.mktemp("vae") / "vae.safetensors", hg.VAE, SMALL)))


def pictures(count=1, height=90, width=120, channels=3):
    return torch.rand(count, height, width, channels, generator=torch.Generator().manual_seed(0))


def priors(vae, images, **inputs):
    return HiGenImagePrior.execute(images, vae, **(WIDGETS | inputs))[0]


def test_a_picture_becomes_the_model_s_size(vae, model):
    (prior,) = priors(vae, pictures(), model=model)
    assert prior["samples"].shape == (1, 4, 8, 8)
    fitted = hg.fit_pictures(pictures(), 64, 64)
    torch.testing.assert_close(prior["samples"], vae.encode(fitted))


def test_without_a_model_a_picture_keeps_its_size(vae):
    assert priors(vae, pictures())[0]["samples"].shape == (1, 4, 11, 15)


def test_a_size_may_be_asked_for(vae, model):
    assert priors(vae, pictures(), width=96, height=32)[0]["samples"].shape == (1, 4, 4, 12)
    assert priors(vae, pictures(), width=96, model=model)[0]["samples"].shape == (1, 4, 8, 12)


def test_each_of_several_pictures_is_a_prior_of_its_own(vae, model):
    several = priors(vae, pictures(3), model=model)
    assert len(several) == 3
    (second,) = priors(vae, pictures(3)[1:2], model=model)
    torch.testing.assert_close(several[1]["samples"], second["samples"])


def test_alpha_and_mask_show_the_background(vae):
    rgba = pictures(channels=4)
    by_alpha = priors(vae, rgba, background="#2060c0")[0]["samples"]
    by_mask = priors(vae, rgba[..., :3], mask=1 - rgba[..., 3], background="#2060c0")[0]["samples"]
    torch.testing.assert_close(by_alpha, by_mask, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(by_alpha, priors(vae, rgba, background="#ffffff")[0]["samples"], atol=1e-2)


def test_the_temporal_sampler_takes_it_at_any_strength(vae, model):
    prior, other = priors(vae, pictures(2), model=model)
    assert sample_video(model, prior)["samples"].shape == (8, 4, 8, 8)
    full, weak = (
        (sample_video(model, prior, **how)["samples"] - sample_video(model, other, **how)["samples"]).abs().mean()
        for how in ({}, {"prior_strength": 0.2})
    )
    assert weak < full


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"images": torch.zeros(8, 8, 3)}, r"images must be .* got \(8, 8, 3\)"),
        ({"images": torch.full((1, 16, 16, 3), torch.nan)}, "NaN"),
        ({"width": 24}, "width must be a positive multiple of 16 pixels for this model, got 24"),
        ({"background": "blue"}, "a colour must be #rrggbb, like #808080, got 'blue'"),
    ],
)
def test_bad_input_is_named(vae, model, inputs, message):
    with pytest.raises(ValueError, match=message):
        priors(vae, **({"images": pictures(), "model": model} | inputs))


def test_a_bad_colour_is_refused_before_anything_runs():
    assert (
        HiGenImagePrior.validate_inputs("#12345") == "background: a colour must be #rrggbb, like #808080, got '#12345'"
    )
    assert HiGenImagePrior.validate_inputs("#123456") is True
