"""Motion that follows a sound."""

import math

import pytest
import torch

from higen_core import sound_motion

RATE = 8000
NAMES = {"frames": 17, "fps": 8.0}
"""Two seconds."""


def seconds(count: float) -> torch.Tensor:
    return torch.arange(round(count * RATE), dtype=torch.float64) / RATE


def tone(level: torch.Tensor | float = 0.5, length: float = 2.0, frequency: float = 440.0) -> torch.Tensor:
    """(1, samples)"""
    return (level * torch.sin(2 * math.pi * frequency * seconds(length))).float()[None]


def beats(at: list[float], length: float = 2.0) -> torch.Tensor:
    """Decaying notes over a faint steady hiss, (1, samples)."""
    time = seconds(length)
    hiss = 0.002 * torch.randn(len(time), generator=torch.Generator().manual_seed(0))
    notes = [
        torch.where(time >= s, torch.exp(-(time - s) * 12) * torch.sin(2 * math.pi * 330 * (time - s)), 0) for s in at
    ]
    return (hiss + 0.5 * sum(notes)).float()[None]


def test_loudness_is_the_level_in_decibels():
    level = 10 ** (-torch.linspace(20, 0, 2 * RATE) / 20)
    motion = sound_motion(tone(level), RATE, **NAMES, low=100, high=900)
    steps = 1 - (20 * (15 - torch.arange(16)) / 16) / 40
    assert motion.shape == (16,)
    torch.testing.assert_close(motion.float(), 100 + 800 * steps, atol=5, rtol=0)


def test_onsets_are_in_the_steps_in_which_notes_begin():
    motion = sound_motion(beats([0.3, 0.8, 1.55]), RATE, **NAMES, measure="onsets")
    assert (motion > 400).nonzero().flatten().tolist() == [2, 6, 12]
    assert motion.max() == 1000


def test_a_steady_tone_has_one_onset_its_beginning():
    motion = sound_motion(tone(length=4.0), RATE, **NAMES, measure="onsets")
    assert motion[0] == 1000
    assert motion[1:].max() < 50
    assert sound_motion(tone(length=4.0), RATE, **NAMES, measure="onsets", start=0.5).max() < 50


@pytest.mark.parametrize("measure", ["loudness", "onsets"])
@pytest.mark.parametrize(
    "sound",
    [
        torch.zeros(2, 2 * RATE),
        torch.zeros(1, 0),
        1e-4 * torch.randn(1, 2 * RATE, generator=torch.Generator().manual_seed(1)),
    ],
    ids=["silent", "empty", "noise below -60 dB"],
)
def test_silence_gives_the_lowest_motion_throughout(measure, sound):
    assert sound_motion(sound, RATE, **NAMES, measure=measure, low=70, high=600).tolist() == [70] * 16


@pytest.mark.parametrize("measure", ["loudness", "onsets"])
def test_motion_is_lowest_after_the_end_of_the_sound(measure):
    motion = sound_motion(beats([0.05, 0.4], 0.5), RATE, **NAMES, measure=measure)
    assert motion[:4].max() > 900
    assert motion[5:].max() == 0


def test_the_level_does_not_matter_but_its_changes_do():
    loud, faint = (sound_motion(factor * beats([0.3]), RATE, **NAMES) for factor in (1.0, 0.1))
    torch.testing.assert_close(loud, faint, atol=1, rtol=0)


def test_motion_falls_no_faster_than_the_decay():
    motion = sound_motion(beats([0.3]), RATE, **NAMES, measure="onsets", decay=0.25)
    ratio = math.exp(-1 / (8 * 0.25))
    torch.testing.assert_close(motion[3:6].float(), 1000 * ratio ** torch.arange(1.0, 4), atol=2, rtol=0)


def test_start_skips_the_beginning_and_no_frames_take_all_that_is_left():
    whole = sound_motion(beats([0.3, 0.8]), RATE, fps=8.0)
    later = sound_motion(beats([0.3, 0.8]), RATE, fps=8.0, start=0.5)
    assert len(whole) == 16
    torch.testing.assert_close(later, whole[4:], atol=1, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": "pitch"}, "measure must be one of loudness, onsets, got 'pitch'"),
        ({"waveform": torch.zeros(3)}, r"waveform must be \(channels, samples\) of floats"),
        ({"waveform": torch.full((1, 10), math.nan)}, "waveform has NaN"),
        ({"frames": 1}, "frames must be at least 2, got 1"),
        ({"fps": 0.0}, "fps must be a positive number, got 0.0"),
        ({"rate": 0}, "rate must be a positive number, got 0"),
        ({"start": -1.0}, "start must be 0 or more, got -1.0"),
        ({"decay": math.nan}, "decay must be 0 or more, got nan"),
        ({"high": 1001}, "high must be between 0 and 1000, got 1001"),
    ],
)
def test_what_is_wrong_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        sound_motion(**({"waveform": tone(), "rate": RATE} | NAMES | changes))
