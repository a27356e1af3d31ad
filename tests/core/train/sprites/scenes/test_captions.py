"""Captions say what the scene is, in the words of the vocabulary."""

import random

import pytest

from higen_core.train.sprites.scenes import Scene, caption, caption_pair, sample_content, vocabulary


def test_captions_name_object_background_and_direction():
    rng = random.Random(0)
    for _ in range(50):
        scene = sample_content(rng)
        words = caption(scene, rng)
        assert scene.object in words
        assert scene.background in words
        assert (scene.direction in words) == (scene.motion in ("move", "speed up", "slow down"))


def test_every_word_is_in_the_vocabulary():
    words, rng = set(vocabulary()), random.Random("other")
    for _ in range(300):
        assert set(caption(sample_content(rng), rng).replace(",", "").split()) <= words


@pytest.mark.parametrize(("change", "left_out"), [("night", False), ("fade", True), ("grow", True)])
def test_only_nightfall_is_in_both_captions(change, left_out):
    scene = Scene("apple", "white", motion="move", change=change, target="black")
    full, plain = caption_pair(scene, "any phrasing")
    assert "," in full
    assert ("," in plain.removeprefix("white background,")) is not left_out


def test_equal_phrasing_gives_equal_phrases():
    first, second = (Scene("apple", "white", motion="move", direction=direction) for direction in ("up", "down"))
    for i in range(5):
        captions = caption_pair(first, f"phrasing {i}"), caption_pair(second, f"phrasing {i}")
        assert [text.replace("up", "down") for text in captions[0]] == list(captions[1])
