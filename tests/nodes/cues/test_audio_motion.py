"""HiGen Audio Motion gives the motion of the core as cues and as a curve, both of which Cue Schedule takes."""

import math
from types import SimpleNamespace

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.cues.curves import EvaluatedCurve, motion_values
from higen_pack.higen_core.cues.sound import MEASURES
from higen_pack.nodes.cue_schedule import HiGenCueSchedule
from higen_pack.nodes.cues.audio_motion import HiGenAudioMotion
from higen_pack.nodes.models.model import load_model

from .. import networks

RATE = 8000
WIDGETS = {"measure": "loudness", "frames": 0, "fps": 0.0, "start": 0.0, "low": 50, "high": 600, "decay": 0.2}


def audio(seconds=3.0, channels=2):
    """A tone that swells twice a second."""
    time = torch.arange(round(seconds * RATE)) / RATE
    wave = 0.5 * torch.sin(2 * math.pi * time) ** 2 * torch.sin(2 * math.pi * 300 * time)
    return {"waveform": wave.expand(1, channels, -1), "sample_rate": RATE}


def execute(audio, **inputs):
    return HiGenAudioMotion.execute(audio=audio, **(WIDGETS | inputs))


def core_motion(audio, **options):
    names = {"fps": 8.0, "low": 50, "high": 600, "decay": 0.2}
    return hg.sound_motion(audio["waveform"][0].double(), RATE, **(names | options))


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        ({}, {}),
        ({"measure": "onsets"}, {"measure": "onsets"}),
        ({"frames": 12, "fps": 12.0}, {"frames": 12, "fps": 12.0}),
        ({"start": 1.0}, {"start": 1.0}),
        ({"low": 0, "high": 1000, "decay": 0.0}, {"low": 0, "high": 1000, "decay": 0.0}),
    ],
)
def test_every_input_reaches_the_core(inputs, options):
    cues, curve, plot = execute(audio(), **inputs).args
    expected = core_motion(audio(), **options)
    assert cues.motion.equal(expected)
    assert (cues.appearance == 1).all()
    assert motion_values(EvaluatedCurve(curve.interp_array), cues.frames).equal(expected)
    assert plot.shape[0] == 1


def test_the_model_gives_length_and_rate(tmp_path):
    path = networks.random_file(
        tmp_path / "unet.safetensors",
        hg.UNet,
        networks.UNET,
        **networks.METADATA,
    )
    cues = execute(audio(), model=load_model(str(path), "fp32"))[0]
    assert cues.motion.equal(core_motion(audio(), frames=16))


def test_a_schedule_takes_the_cues_and_the_curve():
    schedule = type("Node", (HiGenCueSchedule,), {"hidden": SimpleNamespace(unique_id="1")})
    cues, curve, _ = execute(audio(), frames=16).args
    by_cues = schedule.make_cues(16, 200, 0.0, motion_from=cues)
    assert by_cues[0].motion.equal(cues.motion)
    assert by_cues.ui["higen_curves"][0]["motion"] == cues.motion.tolist()
    assert schedule.make_cues(16, 200, 0.0, motion_curve_from=curve)[0].motion.equal(cues.motion)


@pytest.mark.parametrize("measure", MEASURES)
def test_only_what_is_heard_counts(measure):
    """A long sound is not converted as a whole."""
    long = audio(60.0)
    expected = execute(audio(4.0), measure=measure, frames=16, start=1.0)[0]
    assert execute(long, measure=measure, frames=16, start=1.0)[0].motion.equal(expected.motion)
    sound = long["waveform"][0].double()
    assert hg.sound_motion(sound, RATE, measure=measure, frames=16).equal(
        hg.sound_motion(sound[:, : 3 * RATE], RATE, measure=measure, frames=16)
    )


def test_silence_is_the_lowest_motion_and_the_node_says_so():
    result = execute({"waveform": torch.zeros(1, 2, 2 * RATE), "sample_rate": RATE}, frames=16)
    assert result[0].motion.tolist() == [50] * 15
    assert result.ui["text"] == ["16 frames, motion 50 throughout: the sound is silent there"]


def test_integers_of_full_range_are_read_as_floats():
    whole = {"waveform": (audio()["waveform"] * 32767).short(), "sample_rate": RATE}
    assert (execute(whole)[0].motion - execute(audio())[0].motion).abs().max() <= 1


class Unreadable(dict):
    def __getitem__(self, key):
        raise OSError("no sound track")


@pytest.mark.parametrize(
    ("sound", "inputs", "message"),
    [
        (None, {}, "audio must be sound, with waveform and sample_rate, got None"),
        ({"waveform": [8], "sample_rate": RATE}, {}, r"waveform of audio must be a tensor .* got list"),
        (Unreadable(), {}, "audio cannot be read: no sound track"),
        ({"waveform": torch.zeros(2, 1, 8), "sample_rate": RATE}, {}, r"audio must be one sound, .* \(2, 1, 8\)"),
        ({"waveform": torch.zeros(1, 1, 8), "sample_rate": 0}, {}, "sample_rate of audio must be a positive number"),
        (audio(), {"frames": 1}, "frames must be 0, or at least 2, got 1"),
        (audio(), {"fps": 119.0, "decay": math.nan}, "decay must be a finite number"),
        (audio(9.0), {"fps": 120.0}, "audio is 1081 frames long at 120 fps, a video has at most 1024: set frames"),
    ],
)
def test_what_is_wrong_is_named(sound, inputs, message):
    with pytest.raises(ValueError, match=message):
        execute(sound, **inputs)
