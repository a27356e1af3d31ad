"""The sprite world: what the words say is what the picture shows."""

import math
import random
from dataclasses import asdict, replace

import pytest
import torch

from higen_core.train import oracle, sprites
from higen_core.train.sprite_clips import captions
from higen_core.train.sprites import Scene


def test_a_seed_is_a_clip():
    one, two = (sprites.render(sprites.sample_scene(random.Random(3))) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (16, 64, 64, 3)
    assert 0 <= one.min() < one.max() <= 1


@pytest.mark.parametrize(
    ("direction", "sign"), [("right", (1, 0)), ("left", (-1, 0)), ("down", (0, 1)), ("up", (0, -1))]
)
def test_directions_are_those_of_the_screen(direction, sign):
    clip = sprites.render(Scene("apple", "blue", motion="move", direction=direction, speed=1.0))
    first, last = oracle.look(clip[0]).centre, oracle.look(clip[-1]).centre
    moved = [round(b - a) for a, b in zip(first, last, strict=True)]
    assert moved == [15 * s for s in sign]


def test_still_is_still_and_a_change_alone_does_not_move():
    still = sprites.render(Scene("cat", "pink"))
    assert (still == still[0]).all()
    fading = sprites.render(Scene("cat", "pink", change="fade", target="blue"))
    assert {oracle.look(frame).centre for frame in (fading[0], fading[-1])} == {oracle.look(still[0]).centre}


def test_turning_ends_as_the_other_object():
    clip = sprites.render(Scene("cat", "white", change="turn", target="pumpkin"))
    assert [oracle.look(clip[i]).object for i in (0, -1)] == ["cat", "pumpkin"]


def test_night_falls_on_the_background_only():
    clip = sprites.render(Scene("panda", "yellow", change="night"))
    assert clip[-1, 0, 0].mean() < 0.25 < clip[0, 0, 0].mean()
    assert torch.allclose(clip[0, 32, 32], clip[-1, 32, 32], atol=0.02)


def test_words_tell_object_background_and_motion():
    rng = random.Random(0)
    for _ in range(50):
        scene = sprites.sample_plot(rng)
        words = sprites.caption(scene, rng)
        assert scene.object in words
        assert scene.background in words
        assert (scene.direction in words) == (scene.motion in ("move", "speed up", "slow down"))


def test_every_word_is_in_the_vocabulary():
    known, rng = set(sprites.vocabulary()), random.Random("other")
    for _ in range(300):
        assert set(sprites.caption(sprites.sample_plot(rng), rng).replace(",", "").split()) <= known


def test_held_out_combinations_never_occur_in_training():
    rng = random.Random(0)
    assert not any(sprites.is_held_out(sprites.sample_scene(rng)) for _ in range(50))
    assert all(sprites.is_held_out(sprites.sample_scene(rng, held_out=True)) for _ in range(10))


def test_a_change_may_take_a_part_of_the_clip_only():
    clip = sprites.render(Scene("cat", "white", change="turn", target="pumpkin", span=(0.2, 0.6)))
    assert (clip[:3] == clip[0]).all()
    assert not torch.equal(clip[4], clip[8])
    assert (clip[10:] == clip[-1]).all()
    assert oracle.look(clip[9]).object == "pumpkin"


@pytest.mark.parametrize(
    ("kind", "differing"),
    [
        ("ways", {"direction"}),
        ("paces", {"profile", "speed"}),
        ("amounts", {"amount"}),
        ("colours", {"target"}),
        ("objects", {"target"}),
    ],
)
def test_twins_start_alike_and_differ_in_one_thing(kind, differing):
    rng = random.Random(0)
    for _ in range(12):
        twins = sprites.sample_twins(rng, (kind,))
        assert not any(sprites.is_held_out(scene) for scene in twins)
        assert torch.equal(*(sprites.render(scene, frames=1) for scene in twins))
        one, other = map(asdict, twins)
        assert {name for name in one if one[name] != other[name]} == differing
        if kind in ("colours", "objects"):
            known = sprites.COLOURS if kind == "colours" else sprites.EMOJI
            assert {one["target"], other["target"]} <= set(known)


def test_all_kinds_of_twins_are_as_likely():
    rng = random.Random(0)
    told = [[n for n, v in asdict(a).items() if v != asdict(b)[n]] for a, b in map(sprites.sample_twins, [rng] * 200)]
    assert 60 < sum(names == ["target"] for names in told) < 100  # of two kinds
    assert 25 < sum(names == ["amount"] for names in told) < 55


def test_twins_have_room_both_ways():
    rng = random.Random(1)
    for twins in (sprites.sample_twins(rng, ("ways", "paces")) for _ in range(60)):
        for scene in twins:
            steps = sprites.path(scene, 16).diff(dim=0) @ torch.tensor(sprites.DIRECTIONS[scene.direction]).float()
            assert (steps > -1e-3).all(), scene


def test_first_frames_leave_room_for_fast_motions():
    rng = random.Random(0)
    firsts = [scene for scene in (sprites.sample_first(rng) for _ in range(200)) if scene.motion == "move"]
    assert len(firsts) > 50
    for scene in firsts:
        end = sprites.path(replace(scene, profile="constant", speed=12 / 15), sprites.FRAMES)[-1]
        assert math.dist(scene.start, end) == pytest.approx(12, abs=0.01)  # no wall in the way


def test_motion_profiles_have_the_same_mean_speed():
    ways = []
    for profile in sprites.PROFILES:
        path = sprites.path(Scene("car", "gray", motion="move", speed=1.0, profile=profile, start=(20.0, 32.0)), 16)
        ways.append(float(path[-1, 0] - path[0, 0]))
    assert ways == pytest.approx([15.0] * len(ways), abs=1e-3)


def test_a_sprite_turns_round_at_the_wall():
    path = sprites.path(Scene("car", "gray", motion="bounce", direction="right", speed=4.0, size=30.0), 16)
    assert path[:, 0].max() <= 64 - 15
    assert path[:, 0].min() >= 15
    assert len(path[:, 0].diff().sign().unique()) == 2


def test_the_oracle_is_right_on_real_renders():
    found = oracle.accuracy(scenes=60)
    assert found["object"] >= 0.97
    assert found["background"] >= 0.99
    assert found["place_px"] <= 1.0


def test_the_oracle_sees_nothing_in_an_empty_frame():
    empty = sprites.render(Scene("cat", "green", size=0.01), frames=1)[0]
    found = oracle.look(empty)
    assert (found.object, found.background) == ("", "green")
    assert found.error < 1e-6


@pytest.mark.parametrize(("change", "left_out"), [("night", False), ("fade", True), ("grow", True)])
def test_only_nights_are_always_told(change, left_out):
    scene = Scene("apple", "white", motion="move", change=change, target="black")
    told, second = captions(scene, "any phrasing")
    assert "," in told
    assert ("," in second.removeprefix("white background,")) is not left_out
