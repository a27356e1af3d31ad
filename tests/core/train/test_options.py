"""Options: from the file, from flags, under their old names, and what is refused."""

import argparse
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from higen_core.aliases import ALIASES
from higen_core.train.config import ON_RESUME, CLIPTraining, DenoiserTraining, VAETraining
from higen_core.train.options import add_flags, read_config, shipped_configs

TRAININGS = (VAETraining, CLIPTraining, DenoiserTraining)
OLD_NAMES = {old: new for old, new in ALIASES.items() if new in DenoiserTraining.__dataclass_fields__}


def toml(folder: Path, text: str) -> Path:
    path = folder / "options.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = toml(tmp_path, 'out = "a"\ndata = "v"\nsteps = 7\nlr = 1\nprompts = ["a cat", "a frog"]\n')
    config = read_config(DenoiserTraining, path, {"steps": 9})
    assert (config.out, config.steps, config.lr, config.videos) == (Path("a"), 9, 1.0, 4)
    assert config.prompts == ("a cat", "a frog")


def test_a_table_of_sizes_is_kept_as_it_is(tmp_path):
    text = 'out = "a"\ndata = "v"\n[network]\nch = 8\nch_mult = [1, 2]\n'
    assert read_config(VAETraining, toml(tmp_path, text), {}).network == {"ch": 8, "ch_mult": [1, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "out = 'a'\nstep = 3",
            r"options\.toml: unknown option 'step'; options are accumulate, appearance_guidance, .*steps.*",
        ),
        ("steps = 3", r"out is neither in .*options\.toml nor given as --out"),
        ("out = 'a'", r"data is neither in .*options\.toml nor given as --data"),
        ("out = 'a'\ndata = 'v'\nsteps = 1.5", r"steps must be int, got 1\.5"),
        ("out = 'a'\ndata = 'v'\nsteps = true", r"steps must be int, got True"),
        ("out = 'a'\ndata = 'v'\nlr = 'fast'", r"lr must be float, got 'fast'"),
        ("out = 'a'\ndata = 'v'\nsteps = -1", r"steps must be in 0\.\.inf, got -1"),
        ("out = 'a'\ndata = 'v'\nprecision = 'half'", r"precision must be one of no, bf16, fp16, got 'half'"),
        ("out = 'a'\ndata = 'v'\ncue_dropout = 2", r"cue_dropout must be in 0\.\.1, got 2"),
        (
            "out = 'a'\ndata = 'v'\ncue_dropout = 0.0\nappearance_guidance = 2.0",
            r"appearance_guidance = 2\.0 needs cue_dropout > 0, to train the null cue",
        ),
        (
            "out = 'a'\ndata = 'v'\nstatic_clip_prob = 0.7\npause_prob = 0.6",
            r"static_clip_prob \+ pause_prob must be at most 1, got 0\.7 \+ 0\.6",
        ),
        ("out = ", r"options\.toml is not valid TOML: Invalid value"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_config(DenoiserTraining, toml(tmp_path, text), {})


def test_a_file_that_does_not_exist_is_named():
    for path in (Path("folder") / "none.toml", Path("none")):
        with pytest.raises(FileNotFoundError, match=rf"{path} does not exist; there are .*finetune"):
            read_config(VAETraining, path, {})


@pytest.mark.parametrize("kind", TRAININGS)
def test_every_option_has_a_help_text_and_a_rule_for_resuming(kind):
    assert all(len(field.metadata["help"]) > 3 for field in fields(kind))
    assert {field.metadata["resume"] for field in fields(kind)} == set(ON_RESUME)
    assert [field.name for field in fields(kind) if field.default is MISSING] == ["out", "data"]


def test_the_shipped_file_is_valid_and_found_by_its_name():
    flags = {"out": Path("a"), "data": "v"}
    path = shipped_configs()["finetune"]
    assert read_config(DenoiserTraining, Path("finetune"), flags) == read_config(DenoiserTraining, path, flags)


def test_the_options_that_were_renamed_are_known():
    assert OLD_NAMES == {
        "noise_sharing": "noise_correlation",
        "frozen": "static_clip_prob",
        "paused": "pause_prob",
        "noisy_clips": "high_noise_prob",
        "time_power": "timestep_power",
        "picture_steps": "spatial_warmup_steps",
        "pictures": "images",
    }


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_old_names_are_read_from_files(tmp_path, old, new):
    text = f"out = 'a'\ndata = 'v'\n{old} = 1\n"
    assert getattr(read_config(DenoiserTraining, toml(tmp_path, text), {}), new) == 1


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_old_names_are_read_from_flags_but_not_listed(old, new):
    parser = argparse.ArgumentParser()
    add_flags(parser, DenoiserTraining)
    flag = "--" + old.replace("_", "-")
    assert vars(parser.parse_args([flag, "1"])) == {"config": None, new: 1}
    assert flag + " " not in parser.format_help()


def test_a_flag_wins_over_an_old_name_in_the_file(tmp_path):
    path = toml(tmp_path, "out = 'a'\ndata = 'v'\npictures = 3\n")
    assert read_config(DenoiserTraining, path, {"images": 5}).images == 5


def test_an_old_name_of_another_training_is_refused_as_it_was_given(tmp_path):
    with pytest.raises(ValueError, match=r"options\.toml: unknown option 'pictures'"):
        read_config(VAETraining, toml(tmp_path, "out = 'a'\ndata = 'v'\npictures = 3\n"), {})
