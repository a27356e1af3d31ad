"""What the options allow, how they are saved, and what may change when a run is resumed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from higen_core.models.config import MINI, UNetConfig
from higen_core.train.checkpoint import changed_options
from higen_core.train.config import DenoiserTraining, LoopConfig, VAETraining, network_config, option

from . import tiny


@pytest.fixture
def config() -> DenoiserTraining:
    return DenoiserTraining(out=Path("runs/a"), data="videos", prompts=("a cat",))


def test_options_are_saved_as_json(config):
    values = json.loads(json.dumps(config.to_dict()))
    assert values == config.to_dict()
    assert (values["out"], values["prompts"], values["frames"]) == ("runs/a", ["a cat"], None)
    assert config.to_metadata() == {name: value for name, value in values.items() if name != "out"}


def test_equal_options_are_no_change(config):
    assert changed_options(config, config.to_dict()) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", 1, "seed was 0 in the run in runs/a/denoiser and is 1 now"),
        ("data", "other", "data was 'videos' .* and is 'other' now"),
        ("network", {"dim": 8}, "network was 'mini' .* and is {'dim': 8} now"),
        ("init", "mini", "init was '' .* and is 'mini' now"),
        ("frames", 8, "frames was None .* and is 8 now"),
    ],
)
def test_options_that_make_it_another_run_are_refused(config, name, value, message):
    with pytest.raises(ValueError, match=message):
        changed_options(replace(config, **{name: value}), config.to_dict())


def test_all_other_options_are_reported_in_a_line_each(config):
    changed = replace(config, steps=9, weight_decay=0.5, precision="no", images=3, prompts=("a frog",))
    assert changed_options(changed, config.to_dict()) == [
        "steps: 6000 -> 9",
        "weight_decay: 0.01 -> 0.5",
        "precision: bf16 -> no",
        "images: 16 -> 3",
        "prompts: ['a cat'] -> ['a frog']",
    ]


def test_options_without_influence_on_the_weights_change_silently(config):
    changed = replace(config, out=Path("runs/b"), every=7, log_every=7, sample_every=7)
    assert changed_options(changed, config.to_dict()) == []


def test_a_state_of_another_version_is_understood(config):
    """Old names are read; options that one of the versions does not have are passed over."""
    saved = config.to_dict() | {"removed": 1, "pictures": 4}
    del saved["images"], saved["max_norm"]
    assert changed_options(config, saved) == ["images: 4 -> 16"]


def test_sizes_come_from_a_table_or_a_preset():
    assert network_config("mini", UNetConfig, {"mini": MINI}) is MINI
    assert network_config(tiny.UNET, UNetConfig, {"mini": MINI}) == tiny.unet_config()
    with pytest.raises(ValueError, match="network must be mini or a table with its sizes, got 'large'"):
        network_config("large", UNetConfig, {"mini": MINI})


def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match="parts = decoder needs init"):
        VAETraining(out=Path("a"), data="v", parts="decoder")
    with pytest.raises(ValueError, match="latent_noise = 0.1 needs parts = decoder"):
        VAETraining(out=Path("a"), data="v", latent_noise=0.1)
    with pytest.raises(ValueError, match=r"ema must be in 0\.\.1, got 2"):
        LoopConfig(out=Path("a"), steps=1, lr=1.0, ema=2)
    with pytest.raises(ValueError, match="resume must be one of refuse, report, ignore, got 'maybe'"):
        option(1, "help", "maybe")
