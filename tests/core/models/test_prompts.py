"""Words of prompts in any script, and combinations of words that were not in the training captions."""

import json
import random

import pytest

import higen_core as hg
from higen_core.models.prompts import PromptGuide, unknown_words, words_of
from higen_core.train.sprites.scenes import caption, sample_scene, vocabulary
from higen_core.train.sprites.scenes.scene import BACKGROUNDS
from higen_core.train.sprites.scenes.textures import COLORS, EMOJI, SHAPES
from higen_core.weights.checkpoint import read_info


@pytest.fixture(scope="module")
def mini():
    return read_info("mini")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A cat, on-the mat!", ["a", "cat", "on", "the", "mat"]),
        ("the panda's and the cat’s", ["the", "panda", "and", "the", "cat"]),
        ("‘quoted’ don't", ["quoted", "don't"]),
        ("embedding:x (embedding:y.pt) cat", ["cat"]),
        ("熊猫，在跑", ["熊猫", "在跑"]),
        ("красная машина", ["красная", "машина"]),
        ("café cafe\u0301", ["café", "café"]),
        ("नमस्ते", ["नमस्ते"]),
        ("3 🐼", ["3", "🐼"]),
        ("!? ...", []),
    ],
)
def test_words_of_a_prompt(prompt, words):
    assert words_of(prompt) == words


def test_unknown_words_are_named_once_and_an_empty_vocabulary_knows_all():
    assert unknown_words("Cat, dragon; Dragon 猫", ("cat",)) == ["dragon", "猫"]
    assert unknown_words("dragon", ()) == []


@pytest.mark.parametrize(
    ("prompt", "findings"),
    [
        ("a red car on a white background", [("color", ("red", "car"))]),
        ("a white star", [("color", ("white", "star"))]),
        ("a cat on a red background", [("color", ("red", "background"))]),
        ("a cat and a panda and a cat", [("several", ("cat", "panda"))]),
        ("a cat turning into a blue star", [("follower", ("turning", "into", "blue", "star"))]),
        ("a cat, becoming a star", [("follower", ("becoming", "star"))]),
        ("a cat fading to pink", [("follower", ("fading", "to", "pink"))]),
        ("a star, and a cat turning into a red frog", [
            ("follower", ("turning", "into", "red", "frog")),
            ("several", ("star", "cat")),
        ]),
        ("a cat moving in a circle", []),
        ("a star turning red", []),
        ("", []),
    ],
)  # fmt: skip
def test_combinations_that_mini_was_not_trained_on(mini, prompt, findings):
    assert [(f.kind, f.words) for f in mini.prompts.findings(prompt)] == findings


def test_what_is_allowed_is_stated(mini):
    (finding,) = mini.prompts.findings("a gray circle")
    assert finding.allowed == tuple(COLORS)
    assert mini.prompts.findings("a red car")[0].allowed == ()


def test_no_training_caption_and_no_example_of_mini_has_findings(mini):
    rng = random.Random(3)
    captions = [caption(sample_scene(rng), rng) for _ in range(300)]
    for prompt in (*captions, *mini.prompts.examples):
        assert mini.prompts.findings(prompt) == []
        assert unknown_words(prompt, mini.vocabulary) == []


def test_minis_groups_name_every_word_of_its_captions(mini):
    groups = mini.prompts.groups
    listed = {word for lists in groups.values() for phrases in lists.values() for p in phrases for word in p.split()}
    glue = {"background", "front", "in", "of", "on"}
    assert listed | glue == set(vocabulary()) == set(mini.vocabulary)


def test_minis_lists_are_those_of_its_scenes(mini):
    guide = mini.prompts
    assert tuple(guide.nouns) == (*EMOJI, *SHAPES)
    assert {noun: tuple(colors) for noun, colors in guide.colors.items()} == {
        **{shape: tuple(COLORS) for shape in SHAPES},
        "background": tuple(BACKGROUNDS),
    }
    assert {phrase: tuple(words) for phrase, words in guide.followers.items()} == {
        **dict.fromkeys(("turning into", "becoming"), tuple(EMOJI)),
        **dict.fromkeys(("fading to", "turning"), tuple(COLORS)),
    }


def test_the_guide_survives_the_metadata_of_a_file(mini):
    metadata = json.loads(json.dumps(mini.to_metadata()))
    assert hg.ModelInfo.from_metadata(metadata).prompts.findings("a red car") == mini.prompts.findings("a red car")
    assert "prompts" not in hg.ModelInfo().to_metadata()


@pytest.mark.parametrize("values", [{"groups": ["a"]}, {"examples": "a cat"}, {"colors": {"star": "red"}}])
def test_a_malformed_guide_is_named(values):
    with pytest.raises(ValueError, match=f"{next(iter(values))} of the prompts must be lists of texts"):
        PromptGuide.from_dict(values)
