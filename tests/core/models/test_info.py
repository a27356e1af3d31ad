"""ModelInfo: the metadata of weights, read, checked and written."""

import pytest

from higen_core import ModelInfo
from higen_core.models.config import SamplingConfig

COMPLETE = ModelInfo(
    frames=16,
    fps=7.5,
    width=64,
    height=48,
    motion_scale=40_000,
    similarity_floor=0.054,
    noise_correlation=300.0,
    appearance_guidance=0.0,
    timestep_spacing="trailing",
    rgb_factors=((0.1, 0.2, 0.3), (1, 2, 3), (0, 0, 0), (-1, 0.5, 0)),
    rgb_bias=(0.0, 0.1, 0.2),
    sampling=SamplingConfig(12, "dpmpp_2m", 3.0, 2, 300, 0),
    vocabulary=("a", "cat"),
    steps=0,
    training={"lr": 3e-5, "prompts": ["a cat"], "network": {"dim": 64}},
    extra={"license": "MIT", "prior_frame": 0, "extra": None, "pictures": [], "frozen": 0.1},
)


@pytest.mark.parametrize("info", [ModelInfo(), COMPLETE], ids=["defaults", "complete"])
def test_metadata_round_trip_is_the_identity(info):
    assert ModelInfo.from_metadata(info.to_metadata()) == info
    assert ModelInfo.from_metadata(info.to_metadata() | {"config": {"dim": 64}}) == info


def test_defaults_are_those_of_the_released_weights():
    info = ModelInfo.from_metadata({})
    assert (info.frames, info.fps, info.width, info.height, info.motion_scale) == (32, 8, 448, 256, 10_000)
    assert (info.noise_correlation, info.appearance_guidance, info.timestep_spacing) == (0, None, "leading")


def test_released_weights_are_sampled_as_in_the_released_implementation():
    assert ModelInfo().sampling == SamplingConfig(50, "ddim", 12.0, 12.0, motion=500, appearance=1.0)


def test_only_values_that_are_none_or_empty_are_left_out_of_the_metadata():
    assert ModelInfo().to_metadata() == {
        "frames": 32,
        "fps": 8,
        "width": 448,
        "height": 256,
        "motion_scale": 10_000,
        "noise_correlation": 0.0,
        "timestep_spacing": "leading",
    }
    assert COMPLETE.to_metadata().keys() >= {"appearance_guidance", "steps", "training", "license"}


def test_unknown_keys_are_kept():
    info = ModelInfo.from_metadata({"format": "pt", "modelspec.title": "Cats", "frames": 16})
    assert info.extra == {"format": "pt", "modelspec.title": "Cats"}
    assert info.frames == 16


def test_a_key_of_an_earlier_version_is_read_under_its_current_name():
    assert ModelInfo.from_metadata({"noise_sharing": 300.0}) == ModelInfo(noise_correlation=300.0)
    both = {"noise_sharing": 300.0, "noise_correlation": 100.0}
    assert ModelInfo.from_metadata(both) == ModelInfo(noise_correlation=100.0)


def test_lists_become_tuples():
    info = ModelInfo.from_metadata({"vocabulary": ["a", "cat"], "rgb_factors": [[0, 1, 2]], "rgb_bias": [0, 1, 2]})
    assert info.vocabulary == ("a", "cat")
    assert info.rgb_factors == ((0, 1, 2),)
    assert info.rgb_bias == (0, 1, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frames": 0}, "frames of the weights must be a positive integer, got 0"),
        ({"frames": 16.5}, r"frames .* a positive integer, got 16\.5"),
        ({"width": True}, "width .* a positive integer, got True"),
        ({"height": "256 pixels"}, "height .* got '256 pixels'"),
        ({"fps": float("nan")}, "fps .* a positive number, got nan"),
        ({"motion_scale": -1}, "motion_scale .* a positive number, got -1"),
        ({"sampling": {"steps": 0}}, "steps of the recommended settings must be 1 to 1000, got 0"),
        ({"sampling": {"motion": 10.5}}, r"motion .* must be 0 to 1000, got 10\.5"),
        ({"sampling": {"appearance": 2}}, "appearance .* must be 0 to 1, got 2"),
        ({"sampling": {"sampler": 1}}, "sampler .* must be a name, got 1"),
        ({"sampling": {"cfg": 3}}, "SamplingConfig: unknown key 'cfg'"),
        ({"sampling": 12}, "sampling of the weights must be a mapping of settings to values, got 12"),
        ({"similarity_floor": 1}, r"similarity_floor .* a number in \[-1, 1\), or none, got 1"),
        ({"noise_correlation": float("inf")}, "noise_correlation .* 0 or a positive number, got inf"),
        ({"noise_correlation": float("nan")}, "noise_correlation .* 0 or a positive number, got nan"),
        ({"noise_correlation": 1e-300}, "noise_correlation .* 0 or a positive number, got 1e-300"),
        ({"motion_scale": 10**400}, "motion_scale .* a positive number, got 1000"),
        ({"sampling": {"prior_guidance": float("inf")}}, "prior_guidance .* must be 0 to 1000, got inf"),
        ({"noise_sharing": -1}, "noise_correlation .* 0 or a positive number, got -1"),
        ({"appearance_guidance": -0.5}, "appearance_guidance .* a non-negative number, or none, got -0.5"),
        ({"timestep_spacing": "linspace"}, "timestep_spacing .* one of leading, trailing, got 'linspace'"),
        ({"rgb_factors": [[1, 2]]}, "rgb_factors .* rows of 3 numbers, or none, got .*1, 2"),
        ({"rgb_bias": 0.5}, "rgb_bias .* a list of 3 numbers, or none, got 0.5"),
        ({"vocabulary": "a cat"}, "vocabulary .* a list of words, got 'a cat'"),
        ({"vocabulary": ["a", 2]}, "vocabulary .* a list of words"),
        ({"steps": -1}, "steps .* a non-negative integer, or none, got -1"),
        ({"training": "yes"}, "training .* a mapping of names to values, got 'yes'"),
    ],
)
def test_a_value_outside_its_range_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        ModelInfo.from_metadata(values)


@pytest.mark.parametrize("key", ["frames", "config", "noise_sharing"])
def test_extra_cannot_contain_a_key_with_a_meaning(key):
    with pytest.raises(ValueError, match=f"{key} cannot be a key of extra"):
        ModelInfo(extra={key: 1})
