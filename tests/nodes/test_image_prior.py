"""Image to Spatial Prior: images of any size become priors for the Temporal Sampler."""

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.models.config import VAEConfig
from higen_pack.nodes.image_prior import HiGenImagePrior
from higen_pack.nodes.models import folders
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.models.vae import load_vae
from PIL import Image
from torchvision.transforms.functional import to_tensor

from ..comfyui.paths import EXAMPLE_INPUTS
from . import networks
from .test_samplers import sample_video

SMALL = VAEConfig(ch=32, ch_mult=(1, 1, 1, 1), num_res_blocks=1)
WIDGETS = {"width": 0, "height": 0, "fit": "crop", "background": "#808080"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("unet") / "unet.safetensors"
    return load_model(str(networks.random_file(path, hg.UNet, networks.UNET, **networks.METADATA)), "fp32")


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return load_vae(str(networks.random_file(tmp_path_factory.mktemp("vae") / "vae.safetensors", hg.VAE, SMALL)))


def random_images(count=1, height=90, width=120, channels=3):
    return torch.rand(count, height, width, channels, generator=torch.Generator().manual_seed(0))


def priors(vae, images, **inputs):
    return HiGenImagePrior.execute(images, vae, **(WIDGETS | inputs))[0]


def test_the_default_size_is_that_of_the_model(vae, model):
    (prior,) = priors(vae, random_images(), model=model)
    assert prior["samples"].shape == (1, 4, 8, 8)
    fitted = hg.fit_images(random_images(), 64, 64)
    torch.testing.assert_close(prior["samples"], vae.encode(fitted))


def test_without_a_model_an_image_keeps_its_size(vae):
    assert priors(vae, random_images())[0]["samples"].shape == (1, 4, 11, 15)


def test_width_and_height_set_the_size(vae, model):
    assert priors(vae, random_images(), width=96, height=32)[0]["samples"].shape == (1, 4, 4, 12)
    assert priors(vae, random_images(), width=96, model=model)[0]["samples"].shape == (1, 4, 8, 12)


def test_each_image_of_a_batch_gives_a_prior(vae, model):
    batch = priors(vae, random_images(3), model=model)
    assert len(batch) == 3
    (second,) = priors(vae, random_images(3)[1:2], model=model)
    torch.testing.assert_close(batch[1]["samples"], second["samples"])


def test_alpha_and_mask_show_the_background(vae):
    rgba = random_images(channels=4)
    by_alpha = priors(vae, rgba, background="#2060c0")[0]["samples"]
    by_mask = priors(vae, rgba[..., :3], mask=1 - rgba[..., 3], background="#2060c0")[0]["samples"]
    torch.testing.assert_close(by_alpha, by_mask, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(by_alpha, priors(vae, rgba, background="#ffffff")[0]["samples"], atol=1e-2)


def flat_and_noisy():
    """A plain image with a square on it, and one of noise."""
    flat = torch.full((1, 64, 64, 3), 0.94)
    flat[:, 20:44, 20:44] = torch.tensor((0.86, 0.16, 0.16))
    return flat, random_images(1, 64, 64)


def test_an_image_unlike_those_of_the_training_gets_a_note(caplog):
    mini = load_vae(folders.bundled("vae"))
    flat, noisy = flat_and_noisy()
    assert HiGenImagePrior.execute(flat, mini, **WIDGETS).ui == {"higen_notes": []}
    assert caplog.messages == []
    for images in (noisy, torch.cat([flat, noisy])):
        (note,) = HiGenImagePrior.execute(images, mini, **WIDGETS).ui["higen_notes"]
        assert float(note["values"]["psnr"]) < 24
        assert "an emoji or a simple shape" in note["text"].format(**note["values"])
    assert "unlike those that the model was trained on" in caplog.text


def test_the_note_never_states_the_least_as_too_little(monkeypatch):
    """23.7 dB where others have 24 or more reads as 23, not as 24."""
    mini, image = load_vae(folders.bundled("vae")), flat_and_noisy()[0]
    monkeypatch.setattr("higen_pack.nodes.image_prior.psnr", lambda *_: torch.tensor([mini.image_range.psnr - 0.3]))
    (note,) = HiGenImagePrior.execute(image, mini, **WIDGETS).ui["higen_notes"]
    assert note["values"] == {"psnr": "23", "least": "24", "pictures": mini.image_range.description}


@pytest.mark.parametrize("name", ["higen_panda.png", "higen_panda_and_cat.png"])
def test_the_images_of_the_example_workflows_are_like_those_of_the_training(name):
    image = to_tensor(Image.open(EXAMPLE_INPUTS / name).convert("RGBA")).permute(1, 2, 0)[None]
    sizes = WIDGETS | {"width": 64, "height": 64, "background": "#78c878"}
    assert HiGenImagePrior.execute(image, load_vae(folders.bundled("vae")), **sizes).ui == {"higen_notes": []}


def test_a_vae_that_does_not_state_its_images_gives_no_note(vae):
    assert HiGenImagePrior.execute(flat_and_noisy()[1], vae, **WIDGETS).ui == {"higen_notes": []}


def test_videos_differ_less_at_a_lower_prior_strength(vae, model):
    first, second = priors(vae, random_images(2), model=model)
    assert sample_video(model, first)["samples"].shape == (8, 4, 8, 8)

    def difference(strength):
        videos = (sample_video(model, prior, prior_strength=strength)["samples"] for prior in (first, second))
        return torch.sub(*videos).abs().mean()

    assert difference(0.2) < difference(1.0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"images": torch.zeros(8, 8, 3)}, r"images must be .* got \(8, 8, 3\)"),
        ({"images": torch.full((1, 16, 16, 3), torch.nan)}, "NaN"),
        ({"width": 24}, "width must be a positive multiple of 16 pixels for this model, got 24"),
        ({"background": "blue"}, "background must be #rrggbb, like #808080, got 'blue'"),
    ],
)
def test_an_invalid_input_is_named(vae, model, inputs, message):
    with pytest.raises(ValueError, match=message):
        priors(vae, **({"images": random_images(), "model": model} | inputs))


def test_an_invalid_color_is_rejected_before_anything_runs():
    error = "background must be #rrggbb, like #808080, got '#12345'"
    assert HiGenImagePrior.validate_inputs("#12345") == error
    assert HiGenImagePrior.validate_inputs("#123456") is True
