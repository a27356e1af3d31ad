"""CLIP Text Encode gives the same states with the loaded CLIP as the text tower of the core."""

import logging

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.models.clip import CLIP
from higen_pack.higen_core.models.prompts import PromptGuide
from higen_pack.higen_core.weights.checkpoint import MINI_DIR
from higen_pack.nodes.models.text_encoder import load_text_encoder
from safetensors import safe_open
from safetensors.torch import save_file

from nodes import CLIPTextEncode

from .. import networks

PROMPTS = ["", "a red panda on the blue ground", "Ünïcode, PUNCTUATION! and 3 numbers", "word " * 70]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return networks.random_file(tmp_path_factory.mktemp("text") / "clip.safetensors", CLIP, networks.CLIP)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_is_encoded_as_in_the_core(path, prompt):
    ((states, _),) = CLIPTextEncode().encode(load_text_encoder(str(path)), prompt)[0]
    expected = hg.load_clip(path).encode_text([prompt])
    torch.testing.assert_close(states, expected, atol=2e-3, rtol=2e-3)


def test_a_prompt_longer_than_the_tower_is_split(path):
    ((states, _),) = CLIPTextEncode().encode(load_text_encoder(str(path)), "word " * 100)[0]
    assert states.shape == (1, 154, networks.TEXT_WIDTH)


INFO = hg.ModelInfo(
    vocabulary=("a", "red", "panda", "on", "the"),
    prompts=PromptGuide(nouns=("panda", "star"), colors={"star": ("red",)}),
)


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("A red dragon, on the Moon; dragon!", "dragon, moon"),
        ("(dragon:1.2) and ((moon))", "dragon, and, moon"),
        ("\\(dragon\\)", "dragon"),
        ("一只熊猫, красный дракон on the café", "一只熊猫, красный, дракон, café"),
    ],
)
def test_each_word_outside_the_vocabulary_is_named_once(path, caplog, prompt, unknown):
    clip = load_text_encoder(str(path), INFO)
    with caplog.at_level(logging.WARNING):
        clip.tokenize(prompt)
    assert caplog.messages == [f"HiGen: This model was not trained on: {unknown}"]


@pytest.mark.parametrize(
    ("prompt", "info"),
    [
        ("a panda", INFO),
        ("(a:1.2) ((panda:0.5)) on the panda's (embedding:x:1.1) embedding:some_style.pt, panda’s", INFO),
        ("anything", None),
        ("anything", hg.ModelInfo()),
    ],
)
def test_other_words_and_other_models_cause_no_warning(path, caplog, prompt, info):
    with caplog.at_level(logging.WARNING):
        load_text_encoder(str(path), info).tokenize(prompt)
    assert [message for message in caplog.messages if "trained on" in message] == []


def test_known_words_in_an_unknown_combination_cause_a_warning(path, caplog):
    with caplog.at_level(logging.WARNING):
        load_text_encoder(str(path), INFO).tokenize("a (red:1.3) panda")
    (message,) = caplog.messages
    assert "“red panda”: this model knows “panda” without a color word only" in message


def test_another_text_encoder_is_rejected(tmp_path):
    save_file({"text_model.final_layer_norm.weight": torch.zeros(768)}, tmp_path / "clip_l.safetensors")
    with pytest.raises(ValueError, match=r"clip_l.* is not OpenCLIP's ViT-H-14 .* open_clip_pytorch_model.bin"):
        load_text_encoder(str(tmp_path / "clip_l.safetensors"))


def test_a_tower_with_missing_tensors_is_rejected(path, tmp_path):
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys() if name != "ln_final.bias"}
    save_file(tensors, tmp_path / "incomplete.safetensors", metadata)
    with pytest.raises(ValueError, match="incomplete.* is not the text tower of its config: missing .*norm.bias"):
        load_text_encoder(str(tmp_path / "incomplete.safetensors"))


@pytest.mark.parametrize("network", ["vae", "denoiser"])
def test_a_network_of_ours_in_the_wrong_slot_is_named(network):
    with pytest.raises(ValueError, match=rf"{network}\.safetensors is .*, not an OpenCLIP model"):
        load_text_encoder(str(MINI_DIR / f"{network}.safetensors"))
