"""Options of the trainings on sprites: shipped files, names of earlier versions, and what is refused."""

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from higen_core.aliases import ALIASES
from higen_core.train.data.registry import plugin
from higen_core.train.options import read_config
from higen_core.train.sprites import TRAININGS
from higen_core.train.sprites.config import SpriteCLIPTraining, SpriteDenoiserTraining, SpriteVAETraining

OUT = {"out": Path("a")}
SHIPPED = {
    "mini_vae": "vae",
    "mini_decoder": "vae",
    "mini_clip": "clip",
    "mini_denoiser": "denoiser",
    "mini_baseline": "denoiser",
}


def test_the_data_set_is_found_by_its_name():
    package = plugin("sprites")
    assert package is not None and package.TRAININGS is TRAININGS


@pytest.mark.parametrize(("file", "network"), SHIPPED.items())
def test_shipped_files_are_valid_and_name_the_data_set(file, network):
    config = read_config(TRAININGS[network].config, Path(file), OUT)
    assert config.data == "sprites"


@pytest.mark.parametrize("network", TRAININGS)
def test_every_option_has_a_help_text(network):
    kind = TRAININGS[network].config
    assert all(len(field.metadata["help"]) > 3 for field in fields(kind))
    assert [field.name for field in fields(kind) if field.default is MISSING] == ["out"]


def test_names_of_earlier_versions_are_read(tmp_path):
    old = {current: name for name, current in ALIASES.items()}
    path = tmp_path / "old.toml"
    path.write_text(
        f'init = "mini"\nkeep = "pictures"\n{old["paired_clips"]} = 3\n{old["images"]} = 5\n'
        f'{old["pair_types"]} = ["ways", "paces", "colours", "objects"]\n'
    )
    flags = {old["spatial_warmup_steps"]: 7, old["timestep_power"]: 1.5}
    config = read_config(SpriteDenoiserTraining, path, OUT | flags)
    assert (config.keep, config.paired_clips, config.images) == ("spatial", 3, 5)
    assert config.pair_types == ("directions", "speeds", "colors", "objects")
    assert (config.spatial_warmup_steps, config.timestep_power) == (7, 1.5)
    assert read_config(SpriteVAETraining, None, OUT | {old["residuals"]: 8}).residuals == 8


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SpriteDenoiserTraining, {"frames": 4}, "frames cannot be set for sprites"),
        (SpriteDenoiserTraining, {"similarity_floor": 0.1}, "similarity_floor cannot be set for sprites"),
        (SpriteDenoiserTraining, {"keep": "spatial"}, "keep = spatial needs init"),
        (SpriteDenoiserTraining, {"keep": "some"}, "keep must be one of all, spatial, got 'some'"),
        (SpriteDenoiserTraining, {"pair_types": ("speeds", "sizes")}, "pair_types may be directions, .* got 'sizes'"),
        (SpriteDenoiserTraining, {"pair_types": ()}, "pair_types is empty"),
        (SpriteDenoiserTraining, {"paired_clips": -1}, r"paired_clips must be in 0\.\.inf, got -1"),
        (SpriteDenoiserTraining, {"prior_strength": 2.0}, r"prior_strength must be in 0\.\.1, got 2"),
        (SpriteDenoiserTraining, {"grow": 0}, r"grow must be in 1\.\.inf, got 0"),
        (SpriteVAETraining, {"denoiser": "mini"}, "denoiser = mini needs parts = decoder"),
        (SpriteVAETraining, {"residuals": 3}, r"residuals must be in 4\.\.inf, got 3"),
        (SpriteCLIPTraining, {"towers": "image"}, "towers must be one of both, text, got 'image'"),
    ],
)
def test_wrong_options_are_named(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**OUT, **options)
