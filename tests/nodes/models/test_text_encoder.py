"""CLIP Text Encode gives the same states with the loaded CLIP as the text tower of the core."""

import logging

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.models.clip import CLIP
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


def test_each_word_outside_the_vocabulary_is_named_once(path, caplog):
    clip = load_text_encoder(str(path), networks.METADATA["vocabulary"])
    with caplog.at_level(logging.WARNING):
        clip.tokenize("A red dragon, on the Moon; dragon!")
    assert caplog.messages == ["HiGen: This model was not trained on: dragon, moon"]


@pytest.mark.parametrize(("prompt", "vocabulary"), [("a red panda", ["a", "red", "panda"]), ("anything", None)])
def test_other_words_and_other_models_cause_no_warning(path, caplog, prompt, vocabulary):
    with caplog.at_level(logging.WARNING):
        load_text_encoder(str(path), vocabulary).tokenize(prompt)
    assert caplog.messages == []


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
