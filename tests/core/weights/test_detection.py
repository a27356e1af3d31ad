"""What a file contains is described by the names of its tensors."""

import pytest
import torch

from higen_core.weights.checkpoint import load_unet
from higen_core.weights.detection import describe_checkpoint, networks_in

from .. import golden
from .writing import write

TENSORS = {
    "a text-to-video network of VGen without HiGen's cues": [
        "fps_embedding.0.weight",
        "input_blocks.1.0.temopral_conv.conv1.0.weight",
    ],
    "I2VGen-XL": ["input_blocks.1.0.temopral_conv.conv1.0.weight", "local_image_concat.0.weight"],
    "a checkpoint of Stable Diffusion 1.x": [
        "model.diffusion_model.input_blocks.0.0.weight",
        "first_stage_model.decoder.conv_in.weight",
        "cond_stage_model.transformer.text_model.final_layer_norm.weight",
    ],
    "a checkpoint of Stable Diffusion XL": [
        "model.diffusion_model.input_blocks.0.0.weight",
        "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight",
    ],
    "an OpenCLIP model": ["positional_embedding", "visual.conv1.weight", "ln_final.weight"],
    "a CLIP text encoder": ["text_model.embeddings.token_embedding.weight"],
    "a T5 text encoder": ["encoder.block.0.layer.0.SelfAttention.q.weight"],
    "a LoRA": ["lora_unet_down_blocks_0.lora_up.weight", "lora_unet_down_blocks_0.alpha"],
    "a network in the layout of Diffusers": ["down_blocks.0.resnets.0.conv1.weight"],
    "a network of an unknown kind .2 tensors, the first is some.weight.": ["some.weight", "other.weight"],
    "a file without tensors": [],
}


@pytest.mark.parametrize("content", TENSORS)
def test_loading_a_wrong_file_names_its_content_and_the_first_wrong_tensors(tmp_path, content):
    path = write(tmp_path / "model.pth", {name: torch.zeros(1) for name in TENSORS[content]})
    missing = r"missing embedding\.time\.0\.weight and \d+ more"
    unexpected = f".*unexpected {TENSORS[content][-1] if content == 'I2VGen-XL' else ''}" if TENSORS[content] else ""
    with pytest.raises(ValueError, match=f"model.pth does not fit: it looks like {content}.*{missing}{unexpected}"):
        load_unet(path)


@pytest.mark.parametrize(
    ("network", "content", "networks"),
    [
        ("unet", "a HiGen denoiser", ["denoiser"]),
        ("vae", "an autoencoder (VAE)", ["vae"]),
        ("clip", "an OpenCLIP model (text and image towers)", ["clip"]),
    ],
)
def test_the_released_files_are_detected(network, content, networks):
    shapes = {name: tuple(shape) for name, shape in golden.manifest(network).items()}
    assert describe_checkpoint(shapes) == content
    assert networks_in(shapes) == networks


def test_a_text_encoder_alone_is_none_of_the_networks():
    assert networks_in({"ln_final.weight": (64,), "transformer.resblocks.0.ln_1.weight": (64,)}) == []
