"""Stock loaders and those of the pack make the same CLIP and VAE from a file; latents of stock nodes are priors."""

import comfy.sd
import pytest
import torch
from comfy.text_encoders.sd2_clip import SD2ClipModel, SD2Tokenizer
from higen_pack import higen_core as hg
from higen_pack.higen_core.models.clip import CLIP
from higen_pack.higen_core.models.config import RELEASED_CLIP, RELEASED_VAE
from higen_pack.higen_core.models.vae import VAE
from higen_pack.higen_core.weights.checkpoint import save_network
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.models.text_encoder import load_text_encoder
from higen_pack.nodes.models.vae import load_vae
from higen_pack.nodes.samplers import HiGenTemporalSampler
from safetensors.torch import load_file, save_file

from nodes import CLIPLoader, CLIPTextEncode, EmptyLatentImage, VAEDecode, VAEEncode, VAELoader

from .. import networks

PROMPTS = ["", "a red panda on the blue ground", "Ünïcode, PUNCTUATION! and (weighted:1.3) words"]


def encode(clip, prompt):
    ((states, _),) = CLIPTextEncode().encode(clip, prompt)[0]
    return states


def test_the_stock_sd2_text_encoder_gives_the_same_states(tmp_path):
    """With stock classes at a small width, which the stock CLIPLoader does not offer."""
    path = networks.random_file(tmp_path / "clip.safetensors", CLIP, networks.CLIP)
    text = networks.CLIP.text_cfg
    narrow = {
        "hidden_size": text.width,
        "intermediate_size": 4 * text.width,
        "num_attention_heads": text.heads,
        "num_hidden_layers": text.layers,
    }

    class Target:
        params, clip, tokenizer = {}, SD2ClipModel, SD2Tokenizer

    stock = comfy.sd.CLIP(Target, model_options={"clip_h_model_config": narrow})
    stock.cond_stage_model.clip_h.transformer.text_projection = torch.nn.Linear(text.width, networks.CLIP.embed_dim)
    towers = {name: value for name, value in load_file(path).items() if not name.startswith("visual.")}
    missing, _ = stock.load_sd(comfy.utils.clip_text_transformers_convert(towers, "", ""))
    assert [name for name in missing if "logit_scale" not in name and "text_projection" not in name] == []
    clip = load_text_encoder(str(path))
    for prompt in PROMPTS:
        torch.testing.assert_close(encode(clip, prompt), encode(stock, prompt), atol=1e-3, rtol=0)


@pytest.mark.slow
@torch.no_grad()
def test_the_stock_clip_loader_gives_the_same_states_at_full_size(model_folders):
    torch.manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in CLIP(RELEASED_CLIP).state_dict().items()}
    # In fp16, as ComfyUI keeps text encoders, so that all networks have equal weights.
    tensors = {
        name: torch.ones(shape) if len(shape) == 1 and name.endswith("weight") else 0.02 * torch.randn(shape)
        for name, shape in shapes.items()
    }
    path = str(model_folders / "text_encoders" / "open_clip.bin")
    torch.save({name: value.half() for name, value in tensors.items()}, path)
    (stock,) = CLIPLoader().load_clip("open_clip.bin", type="stable_diffusion")
    clip, core = load_text_encoder(path), hg.load_clip(path)
    for prompt in PROMPTS:
        torch.testing.assert_close(encode(clip, prompt), encode(stock, prompt), atol=1e-3, rtol=0)
    for prompt in PROMPTS[:2]:  # weights in brackets are a feature of ComfyUI
        torch.testing.assert_close(encode(stock, prompt), core.encode_text([prompt]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("prefix", ["", "first_stage_model."])
def test_the_stock_vae_loader_gives_the_same_images_and_latents(model_folders, prefix):
    torch.manual_seed(0)
    path = model_folders / "vae" / "sd21.safetensors"
    tensors = {name: tensor.detach() for name, tensor in VAE(RELEASED_VAE).state_dict().items()}
    save_file(tensors, path)
    (stock,) = VAELoader().load_vae("sd21.safetensors")
    if prefix:
        path = model_folders / "vae" / "checkpoint.safetensors"
        save_file({prefix + name: tensor for name, tensor in tensors.items()}, path)
    vaes = (stock, load_vae(str(path)))
    samples, image = torch.randn(2, 4, 4, 6), torch.rand(1, 32, 48, 3)
    decoded = [VAEDecode().decode(vae, {"samples": samples})[0] for vae in vaes]
    encoded = [VAEEncode().encode(vae, image)[0]["samples"] for vae in vaes]
    torch.testing.assert_close(*decoded, atol=1e-5, rtol=0)
    torch.testing.assert_close(*encoded, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    path = networks.random_file(folder / "unet.safetensors", hg.UNet, networks.UNET, **networks.METADATA)
    return load_model(str(path), "fp32")


def sample_video(model, prior):
    conditioning = [[torch.zeros(1, 77, networks.TEXT_WIDTH), {}]]
    options = {"seed": 1, "steps": 1, "cfg": 2.0, "sampler": "ddim"}
    return HiGenTemporalSampler.execute(
        model, prior=prior, positive=conditioning, negative=conditioning, cues=hg.Cues.constant(4), **options
    )[0]["samples"]


def test_latents_of_stock_nodes_are_priors(model, tmp_path):
    save_network(tmp_path / "vae.safetensors", VAE(hg.VAEConfig(ch=32, ch_mult=(1, 2, 4, 4), num_res_blocks=1)))
    (encoded,) = VAEEncode().encode(load_vae(str(tmp_path / "vae.safetensors")), torch.rand(1, 32, 48, 3))
    (empty,) = EmptyLatentImage().generate(48, 32)
    for prior in (encoded, empty, encoded | {"noise_mask": torch.ones(1, 32, 48)}):
        assert sample_video(model, prior).shape == (4, 4, 4, 6)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 16, 4, 6), r"prior must be a picture's latent .* got \(1, 16, 4, 6\)"),
        ((1, 4, 3, 6), "prior height must be a positive multiple of 16 pixels for this model, got 24"),
    ],
)
def test_latents_of_other_models_are_rejected(model, shape, message):
    with pytest.raises(ValueError, match=message):
        sample_video(model, {"samples": torch.zeros(shape)})
