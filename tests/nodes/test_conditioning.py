"""Conversion of CONDITIONING to text states; other than one plain prompt of the right width is an error."""

import pytest
import torch
from higen_pack.nodes.conditioning import text_states


def prompt(tokens=77, width=32, **options):
    return [[torch.randn(1, tokens, width), options]]


@pytest.mark.parametrize("lengths", [(77, 77), (154, 77), (77, 231)])
def test_prompts_of_any_lengths_are_returned_unchanged(lengths):
    positive, negative = map(prompt, lengths)
    text, uncond = text_states(positive, negative, 32)
    assert text.equal(positive[0][0])
    assert uncond.equal(negative[0][0])


def test_states_of_another_text_encoder_are_an_error_that_names_the_right_one():
    with pytest.raises(ValueError, match=r"positive .*\(1, 77, 768\), expected \(1, tokens, 1024\).*OpenCLIP ViT-H-14"):
        text_states(prompt(width=768), prompt(width=1024), 1024)
    with pytest.raises(ValueError, match=r"negative .*\(1, 77, 768\), expected \(1, tokens, 96\).*HiGen Loader"):
        text_states(prompt(width=96), prompt(width=768), 96)


def test_combined_prompts_are_an_error_that_says_what_to_do():
    with pytest.raises(ValueError, match="positive must be one prompt, got 2 .* Conditioning Concat"):
        text_states(prompt() + prompt(), prompt(), 32)


def test_unsupported_options_are_an_error():
    with pytest.raises(ValueError, match="negative: HiGen does not support area"):
        text_states(prompt(), prompt(area=(8, 8, 0, 0)), 32)
