"""Frames of videos for the trainings on single images."""

import random

import pytest
import torch

from higen_core.train.config import CLIPTraining
from higen_core.train.data.images import image_data_set


@pytest.fixture(scope="module")
def images(tmp_path_factory, videos):
    out = tmp_path_factory.mktemp("images")
    return image_data_set(CLIPTraining(out=out, data=str(videos), frames=4, fps=8.0, width=48, height=32, windows=2))


def test_words_and_texts_are_those_of_the_captions(images):
    assert images.texts == ["film a", "film b", "film c"]
    assert images.words == ["a", "b", "c", "film"]


def test_frames_are_in_order_and_have_a_center(images):
    frames, centers = images.frames(random.Random(0))
    assert frames.shape == (4, 32, 48, 3) and centers.shape == (4, 2)
    assert frames.min() >= 0 and frames.max() <= 1
    assert (centers >= 0).all() and (centers <= torch.tensor([48, 32])).all()


def test_a_pair_is_the_same_for_the_same_random_numbers(images):
    (first, text), (again, same_text) = (images.pair(random.Random(3)) for _ in range(2))
    assert first.shape == (32, 48, 3)
    assert torch.equal(first, again) and text == same_text
    assert {images.pair(random.Random(seed))[1] for seed in range(20)} == {"film a", "film b", "film c"}
