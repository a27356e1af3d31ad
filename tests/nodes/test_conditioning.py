"""CONDITIONING to text states: one plain prompt each, of the width that the model reads, brought to one length."""

import pytest
import torch
from higen_pack.nodes.conditioning import text_states

CPU = torch.device("cpu")


def prompt(tokens=77, width=32, **options):
    return [[torch.randn(1, tokens, width), options]]


def test_prompts_of_one_length_pass_unchanged():
    positive, negative = prompt(), prompt()
    text, uncond = text_states(positive, negative, 32, CPU)
    assert text.equal(positive[0][0])
    assert uncond.equal(negative[0][0])


@pytest.mark.parametrize(("long", "short", "both"), [(154, 77, 154), (231, 154, 462)])
def test_prompts_of_different_lengths_are_repeated_to_one(long, short, both):
    for tokens in ((long, short), (short, long)):
        text, uncond = text_states(*map(prompt, tokens), 32, CPU)
        assert text.shape == uncond.shape == (1, both, 32)


def test_repeating_a_prompt_does_not_change_what_attention_reads():
    query, states = torch.randn(1, 5, 32), torch.randn(1, 77, 32)
    once, twice = (
        torch.nn.functional.scaled_dot_product_attention(query, states.repeat(1, n, 1), states.repeat(1, n, 1))
        for n in (1, 2)
    )
    torch.testing.assert_close(once, twice)


def test_another_text_encoder_is_named_as_the_reason():
    with pytest.raises(ValueError, match=r"positive .*\(1, 77, 768\), expected \(1, tokens, 1024\).*OpenCLIP ViT-H-14"):
        text_states(prompt(width=768), prompt(width=1024), 1024, CPU)
    with pytest.raises(ValueError, match=r"negative .*\(1, 77, 768\), expected \(1, tokens, 96\).*HiGen Loader"):
        text_states(prompt(width=96), prompt(width=768), 96, CPU)


def test_combined_prompts_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match="positive must be one prompt, got 2 .* Conditioning Concat"):
        text_states(prompt() + prompt(), prompt(), 32, CPU)


def test_options_that_would_be_ignored_are_refused():
    with pytest.raises(ValueError, match="negative: HiGen has no use for area"):
        text_states(prompt(), prompt(area=(8, 8, 0, 0)), 32, CPU)
