"""VAE Encode and VAE Decode give the same latents and images with the loaded VAE as the autoencoder of the core."""

import json
import logging

import comfy.model_management
import pytest
import torch
from higen_pack.higen_core.models.config import MINI_VAE, VAEConfig
from higen_pack.higen_core.models.vae import LATENT_SCALE, VAE
from higen_pack.higen_core.weights.checkpoint import save_network
from higen_pack.nodes.models.vae import load_vae
from safetensors import safe_open
from safetensors.torch import save_file

from nodes import VAEDecode, VAEDecodeTiled, VAEEncode

NARROW = VAEConfig(ch=32, ch_mult=(1, 2, 4, 4), num_res_blocks=2)  # a quarter of the width of the released one


def random_vae(config: VAEConfig) -> VAE:
    torch.manual_seed(0)
    return VAE(config).eval().requires_grad_(False)


@pytest.fixture(params=[MINI_VAE, NARROW], ids=["mini", "narrow"])
def pair(request, tmp_path):
    """The VAE of the core and ComfyUI's, with the same weights."""
    core = random_vae(request.param)
    save_network(tmp_path / "vae.safetensors", core)
    return core, load_vae(str(tmp_path / "vae.safetensors"))


def test_an_image_is_encoded_as_in_the_core(pair):
    core, vae = pair
    image = torch.rand(1, 64, 96, 3)
    (latent,) = VAEEncode().encode(vae, image)
    expected = core.encode(image.movedim(-1, 1) * 2 - 1) / LATENT_SCALE
    torch.testing.assert_close(latent["samples"], expected, atol=1e-4, rtol=1e-4)


def test_a_video_is_decoded_as_in_the_core(pair):
    core, vae = pair
    samples = torch.randn(5, 4, 8, 12)
    (images,) = VAEDecode().decode(vae, {"samples": samples})
    expected = core.decode_video((samples * LATENT_SCALE).movedim(0, 1)[None])[0]
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=1e-4)


def test_as_many_frames_as_fit_are_decoded_at_a_time(pair, monkeypatch, caplog):
    _, vae = pair
    samples = torch.randn(5, 4, 8, 12)
    (at_once,) = VAEDecode().decode(vae, {"samples": samples})
    sizes = []
    vae.first_stage_model.decoder.register_forward_pre_hook(lambda _, arguments: sizes.append(len(arguments[0])))
    free = int(2.5 * vae.memory_used_decode(samples.shape, vae.vae_dtype))
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: free)
    with caplog.at_level(logging.INFO):
        (chunked,) = VAEDecode().decode(vae, {"samples": samples})
    assert sizes == [2, 2, 1]
    assert any("96x64 pixels: the VAE decodes 2 of 5 frames at a time" in message for message in caplog.messages)
    torch.testing.assert_close(chunked, at_once, atol=1e-5, rtol=0)


def test_vae_decode_tiled_accepts_it(pair):
    (images,) = VAEDecodeTiled().decode(pair[1], {"samples": torch.randn(2, 4, 16, 16)}, tile_size=64, overlap=16)
    assert images.shape == (2, 128, 128, 3)


def test_the_vae_inside_a_checkpoint_is_found(tmp_path):
    core = random_vae(VAEConfig(ch=128, ch_mult=(1, 2, 4, 4), num_res_blocks=2))
    tensors = {f"first_stage_model.{name}": value for name, value in core.state_dict().items()}
    torch.save({"state_dict": tensors | {"model.x": torch.zeros(1)}, "global_step": 1}, tmp_path / "sd.ckpt")
    samples = torch.randn(1, 4, 4, 4)
    (images,) = VAEDecode().decode(load_vae(str(tmp_path / "sd.ckpt")), {"samples": samples})
    expected = core.decode_video((samples * LATENT_SCALE).movedim(0, 1)[None])[0]
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=1e-4)


def test_a_file_without_a_vae_is_rejected(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(
        ValueError, match=r"other.safetensors contains no VAE with 4 channels.*v2-1_512-ema-pruned.ckpt"
    ):
        load_vae(str(tmp_path / "other.safetensors"))


def test_a_vae_with_missing_tensors_is_rejected(tmp_path):
    core = random_vae(MINI_VAE)
    save_network(tmp_path / "vae.safetensors", core)
    with safe_open(tmp_path / "vae.safetensors", framework="pt") as file:
        metadata = file.metadata()
    tensors = {name: value for name, value in core.state_dict().items() if name != "decoder.conv_out.bias"}
    save_file(tensors, tmp_path / "incomplete.safetensors", metadata)
    with pytest.raises(ValueError, match="not a complete VAE: 1 tensors are missing, the first is decoder.conv_out"):
        load_vae(str(tmp_path / "incomplete.safetensors"))


def test_a_vae_whose_tensors_are_not_those_of_its_kind_is_rejected_with_the_file(tmp_path):
    """Without a config it is taken for Stable Diffusion's."""
    save_file(random_vae(MINI_VAE).state_dict(), tmp_path / "small.safetensors")
    with pytest.raises(ValueError, match=r"small.safetensors does not fit: its tensors do not make a VAE: .*mismatch"):
        load_vae(str(tmp_path / "small.safetensors"))


def test_a_vae_with_larger_latents_is_rejected(tmp_path):
    save_network(tmp_path / "vae.safetensors", random_vae(VAEConfig(ch=32, ch_mult=(1, 2, 2), num_res_blocks=1)))
    with pytest.raises(ValueError, match=r"VAE of 4 levels \(latents of 1/8 of the image size\), got 3"):
        load_vae(str(tmp_path / "vae.safetensors"))


@pytest.mark.parametrize("config", [{}, [], {"ch": 32}, {"ch": "x", "ch_mult": [1, 2, 3, 4], "num_res_blocks": 1}])
def test_a_config_that_is_not_one_of_a_vae_is_refused_with_the_file(tmp_path, config):
    save_network(tmp_path / "vae.safetensors", random_vae(MINI_VAE))
    with safe_open(tmp_path / "vae.safetensors", framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, tmp_path / "wrong.safetensors", {"config": json.dumps(config)})
    with pytest.raises(ValueError, match=r"wrong\.safetensors: "):
        load_vae(str(tmp_path / "wrong.safetensors"))


@pytest.mark.parametrize("images", ["sprites", {"psnr": 30}, {"psnr": "30", "description": "sprites"}, [1]])
def test_wrong_metadata_of_the_images_is_refused_with_the_file(tmp_path, images):
    save_network(tmp_path / "wrong.safetensors", random_vae(MINI_VAE), pictures=images)
    with pytest.raises(ValueError, match=r"wrong\.safetensors: pictures in its metadata must have"):
        load_vae(str(tmp_path / "wrong.safetensors"))
