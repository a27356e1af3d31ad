"""What the three networks have in common: no gradients after loading, inputs of any precision."""

import pytest
import torch

import higen_core as hg
from higen_core.models.clip import IMAGE_MEAN, IMAGE_STD

from .. import golden

HALF_PRECISION = [torch.bfloat16, torch.float16]


def unet_inputs():
    case = golden.cases("unet_small_cases", "motion_per_frame.")
    case.pop("out")
    return case


def relative_error(result, exact):
    return (result.float() - exact).abs().max().item() / exact.abs().max().item()


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (hg.load_unet, "unet_small_weights"),
        (hg.load_vae, "vae_small_weights"),
        (hg.load_clip, "clip_small_weights"),
    ],
)
def test_loaded_networks_are_in_eval_mode_without_gradients(load, name):
    network = load(golden.path(name))
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_results_keep_no_graph():
    vae, clip = hg.load_vae(golden.path("vae_small_weights")), hg.load_clip(golden.path("clip_small_weights"))
    v = hg.load_unet(golden.path("unet_small_weights"))(**unet_inputs())
    frames = vae.decode_video(torch.zeros(1, 4, 2, 2, 3))
    latents = vae.encode(torch.zeros(1, 3, 8, 12))
    text, embeddings = clip.encode_text(["a cat"]), clip.encode_image(torch.rand(1, 32, 32, 3))
    assert not any(result.requires_grad for result in (v, frames, latents, text, embeddings))
    assert frames.numpy().shape == (1, 2, 8, 12, 3)


@torch.no_grad()
@pytest.mark.parametrize("dtype", HALF_PRECISION)
def test_the_denoiser_takes_float32_and_returns_it(dtype):
    path, inputs = golden.path("unet_small_weights"), unet_inputs()
    exact, v = (hg.load_unet(path, dtype=precision)(**inputs) for precision in (torch.float32, dtype))
    assert v.dtype == torch.float32
    assert relative_error(v, exact) < 0.1


@torch.no_grad()
@pytest.mark.parametrize("dtype", HALF_PRECISION)
def test_the_autoencoder_takes_float32_in_half_precision(dtype):
    path = golden.path("vae_small_weights")
    exact, vae = hg.load_vae(path), hg.load_vae(path, dtype=dtype)
    latents = torch.randn(1, 4, 3, 2, 3, generator=torch.Generator().manual_seed(0))
    image = golden.cases("vae_small_cases")["image"]
    frames = vae.decode_video(latents)
    assert frames.dtype == torch.float32
    assert (frames - exact.decode_video(latents)).abs().max() < 0.05
    assert vae.decode(latents[:, :, 0]).dtype == vae.encode(image).dtype == dtype
    assert relative_error(vae.encode(image), exact.encode(image)) < 0.1


@torch.no_grad()
@pytest.mark.parametrize("dtype", HALF_PRECISION)
def test_the_towers_take_float32_in_half_precision(dtype):
    path = golden.path("clip_small_weights")
    exact, clip = hg.load_clip(path), hg.load_clip(path, dtype=dtype)
    images = torch.rand(2, 50, 90, 3, generator=torch.Generator().manual_seed(0))
    tokens = clip.tokenize(["a cat", "a dog"])
    normalized = (images[:, :32, :32] - torch.tensor(IMAGE_MEAN)) / torch.tensor(IMAGE_STD)
    assert clip.encode_image(images).dtype == clip.states(tokens).dtype == dtype
    assert relative_error(clip.encode_image(images), exact.encode_image(images)) < 0.1
    assert relative_error(clip.states(tokens), exact.states(tokens)) < 0.1
    assert clip.image_text_loss(normalized.movedim(3, 1), tokens).isfinite()


def test_a_network_without_metadata_has_the_default_info():
    assert hg.load_vae(golden.path("vae_small_weights")).info == hg.ModelInfo()
    assert hg.load_unet("mini").info.frames == 16
