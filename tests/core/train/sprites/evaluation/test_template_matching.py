"""Template matching, on renders whose scenes are known."""

import pytest
import torch

from higen_core.train.sprites.evaluation.template_matching import accuracy, match_frame, track_sprite
from higen_core.train.sprites.scenes import Scene, render


def test_it_is_right_on_real_renders():
    figures = accuracy(scenes=60)
    assert figures["object"] >= 0.97
    assert figures["background"] >= 0.99
    assert figures["place_px"] <= 1.0


def test_it_finds_no_object_in_an_empty_frame():
    match = match_frame(render(Scene("cat", "green", size=0.01), frames=1)[0])
    assert (match.object, match.background) == ("", "green")
    assert match.error < 1e-6


def test_a_moving_sprite_is_followed_and_has_not_changed():
    track = track_sprite(render(Scene("pumpkin", "white", motion="move", speed=1.0, start=(20.0, 30.0))))
    displacement = track.centers[-1] - track.centers[0]
    assert displacement[0] == pytest.approx(15.0, abs=0.3)
    assert displacement[1] == pytest.approx(0.0, abs=0.3)
    assert track.change.max() < 0.03
    assert track.flicker < 0.05


def test_a_change_of_appearance_is_larger_the_further_it_goes():
    changes = [
        track_sprite(render(Scene("apple", "white", change="turn", target="frog", amount=amount))).change[-1]
        for amount in (0.0, 0.3, 0.6, 1.0)
    ]
    assert changes[0] == 0
    assert changes == sorted(changes)
    assert changes[-1] > 0.05


def test_noise_on_the_background_is_flicker():
    still = render(Scene("apple", "gray"))
    noisy = still + 0.01 * torch.randn(still.shape, generator=torch.Generator().manual_seed(0))
    expected = 255 * 0.01 * 2 / torch.pi**0.5  # mean absolute difference of two Gaussians
    assert track_sprite(noisy).flicker == pytest.approx(expected, rel=0.1)


def test_an_empty_frame_has_its_center_in_the_middle():
    assert track_sprite(torch.full((2, 64, 64, 3), 0.5)).centers.tolist() == [[31.5, 31.5]] * 2
