"""The VAE that stock VAE Encode and Decode get gives what the core's gives."""

import logging

import comfy.model_management
import pytest
import torch
from higen_pack.higen_core.checkpoint import save_network
from higen_pack.higen_core.config import MINI_VAE, VAEConfig
from higen_pack.higen_core.vae import LATENT_SCALE, VAE
from higen_pack.nodes.vae import load_vae
from safetensors import safe_open
from safetensors.torch import save_file

from nodes import VAEDecode, VAEDecodeTiled, VAEEncode

NARROW = VAEConfig(ch=32, ch_mult=(1, 2, 4, 4), num_res_blocks=2)  # the released one at a quarter of its width


def random_vae(config: VAEConfig) -> VAE:
    torch.manual_seed(0)
    return VAE(config).eval()


@pytest.fixture(params=[MINI_VAE, NARROW], ids=["mini", "narrow"])
def pair(request, tmp_path):
    """The core's VAE and ComfyUI's from one file."""
    ours = random_vae(request.param)
    save_network(tmp_path / "vae.safetensors", ours)
    return ours, load_vae(str(tmp_path / "vae.safetensors"))


def test_a_picture_is_encoded_alike(pair):
    ours, theirs = pair
    picture = torch.rand(1, 64, 96, 3)
    (latent,) = VAEEncode().encode(theirs, picture)
    with torch.no_grad():
        expected = ours.encode(picture.movedim(-1, 1) * 2 - 1) / LATENT_SCALE
    torch.testing.assert_close(latent["samples"], expected, atol=1e-4, rtol=1e-4)


def test_a_video_is_decoded_alike(pair):
    ours, theirs = pair
    samples = torch.randn(5, 4, 8, 12)
    (images,) = VAEDecode().decode(theirs, {"samples": samples})
    with torch.no_grad():
        expected = ours.decode_video((samples * LATENT_SCALE).movedim(0, 1)[None])[0]
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=1e-4)


def test_a_video_is_decoded_in_as_many_frames_as_fit(pair, monkeypatch, caplog):
    _, vae = pair
    samples = torch.randn(5, 4, 8, 12)
    (whole,) = VAEDecode().decode(vae, {"samples": samples})
    sizes = []
    vae.first_stage_model.decoder.register_forward_pre_hook(lambda _, arguments: sizes.append(len(arguments[0])))
    room = int(2.5 * vae.memory_used_decode(samples.shape, vae.vae_dtype))
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: room)
    with caplog.at_level(logging.INFO):
        (parts,) = VAEDecode().decode(vae, {"samples": samples})
    assert sizes == [2, 2, 1]
    assert any("96x64 pixels: the VAE decodes 2 of 5 frames at a time" in message for message in caplog.messages)
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=0)


def test_tiled_decoding_takes_it(pair):
    (images,) = VAEDecodeTiled().decode(pair[1], {"samples": torch.randn(2, 4, 16, 16)}, tile_size=64, overlap=16)
    assert images.shape == (2, 128, 128, 3)


def test_the_vae_inside_a_checkpoint_is_found(tmp_path):
    torch.manual_seed(0)
    ours = VAE(VAEConfig(ch=128, ch_mult=(1, 2, 4, 4), num_res_blocks=2)).eval()
    tensors = {f"first_stage_model.{name}": value for name, value in ours.state_dict().items()}
    torch.save({"state_dict": tensors | {"model.x": torch.zeros(1)}, "global_step": 1}, tmp_path / "sd.ckpt")
    samples = torch.randn(1, 4, 4, 4)
    (images,) = VAEDecode().decode(load_vae(str(tmp_path / "sd.ckpt")), {"samples": samples})
    with torch.no_grad():
        expected = ours.decode_video((samples * LATENT_SCALE).movedim(0, 1)[None])[0]
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=1e-4)


def test_a_file_that_is_no_vae_is_refused(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other.safetensors holds no 4-channel VAE.*v2-1_512-ema-pruned.ckpt"):
        load_vae(str(tmp_path / "other.safetensors"))


def test_a_vae_with_missing_tensors_is_refused(tmp_path):
    ours = random_vae(MINI_VAE)
    save_network(tmp_path / "vae.safetensors", ours)
    with safe_open(tmp_path / "vae.safetensors", framework="pt") as file:
        metadata = file.metadata()
    tensors = {name: value for name, value in ours.state_dict().items() if name != "decoder.conv_out.bias"}
    save_file(tensors, tmp_path / "torn.safetensors", metadata)
    with pytest.raises(ValueError, match="not a complete VAE: 1 tensors are missing, the first is decoder.conv_out"):
        load_vae(str(tmp_path / "torn.safetensors"))


def test_a_vae_that_shrinks_otherwise_is_refused(tmp_path):
    save_network(tmp_path / "vae.safetensors", random_vae(VAEConfig(ch=32, ch_mult=(1, 2, 2), num_res_blocks=1)))
    with pytest.raises(ValueError, match=r"VAE of 4 levels \(it shrinks 8x\), got 3"):
        load_vae(str(tmp_path / "vae.safetensors"))
