"""Pairs of scenes start alike and differ in one attribute."""

import random
from dataclasses import asdict

import pytest
import torch

from higen_core.train.sprites.scenes import COLORS, DIRECTIONS, EMOJI, is_held_out, path, render, sample_pair


@pytest.mark.parametrize(
    ("pair_type", "differing"),
    [
        ("directions", {"direction"}),
        ("speeds", {"profile", "speed"}),
        ("amounts", {"amount"}),
        ("colors", {"target"}),
        ("objects", {"target"}),
    ],
)
def test_pairs_start_alike_and_differ_in_one_attribute(pair_type, differing):
    rng = random.Random(0)
    for _ in range(12):
        pair = sample_pair(rng, (pair_type,))
        assert not any(is_held_out(scene) for scene in pair)
        assert torch.equal(*(render(scene, frames=1) for scene in pair))
        first, second = map(asdict, pair)
        assert {name for name in first if first[name] != second[name]} == differing
        if pair_type in ("colors", "objects"):
            targets = COLORS if pair_type == "colors" else EMOJI
            assert {first["target"], second["target"]} <= set(targets)


def test_all_pair_types_are_equally_likely():
    rng = random.Random(0)
    pairs = [map(asdict, sample_pair(rng)) for _ in range(200)]
    differing = [[name for name in first if first[name] != second[name]] for first, second in pairs]
    assert 60 < sum(names == ["target"] for names in differing) < 100  # of two types
    assert 25 < sum(names == ["amount"] for names in differing) < 55


def test_both_scenes_of_a_pair_have_room_for_their_motion():
    rng = random.Random(1)
    for pair in (sample_pair(rng, ("directions", "speeds")) for _ in range(60)):
        for scene in pair:
            steps = path(scene, 16).diff(dim=0) @ torch.tensor(DIRECTIONS[scene.direction]).float()
            assert (steps > -1e-3).all(), scene
