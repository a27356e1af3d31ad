"""Knobs: from the file, from flags, and what is refused."""

import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from higen_core.train.config import CLIPTraining, DenoiserTraining, VAETraining
from higen_core.train.options import CONFIGS, read_config

from ...comfyui.paths import ROOT

TRAININGS = (VAETraining, CLIPTraining, DenoiserTraining)


def toml(folder: Path, text: str) -> Path:
    path = folder / "knobs.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = toml(tmp_path, 'out = "a"\nsteps = 7\nlr = 1\nprompts = ["a cat", "a frog"]\n')
    config = read_config(DenoiserTraining, path, {"steps": 9})
    assert (config.out, config.steps, config.lr, config.videos) == (Path("a"), 9, 1.0, 4)
    assert config.prompts == ("a cat", "a frog")


def test_a_table_of_sizes_is_kept_as_it_is(tmp_path):
    config = read_config(VAETraining, toml(tmp_path, 'out = "a"\n[network]\nch = 8\nch_mult = [1, 2]\n'), {})
    assert config.network == {"ch": 8, "ch_mult": [1, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "out = 'a'\nstep = 3",
            r"knobs\.toml: unknown key 'step'; known are accumulate, appearance_guidance, caption_dropout, .*steps.*",
        ),
        ("steps = 3", r"out is neither in .*knobs\.toml nor given as --out"),
        ("out = 'a'\nsteps = 1.5", r"steps must be int, got 1\.5"),
        ("out = 'a'\nsteps = true", r"steps must be int, got True"),
        ("out = 'a'\nlr = 'fast'", r"lr must be float, got 'fast'"),
        ("out = 'a'\nsteps = -1", r"steps must be in 0\.\.inf, got -1"),
        ("out = 'a'\nprecision = 'half'", r"precision must be one of no, bf16, fp16, got 'half'"),
        ("out = 'a'\ncue_dropout = 2", r"cue_dropout must be in 0\.\.1, got 2"),
        (
            "out = 'a'\ncue_dropout = 0.0\nappearance_guidance = 2.0",
            r"appearance_guidance = 2\.0 needs cue_dropout: untold cues to learn",
        ),
        (
            "out = 'a'\nfrozen = 0.7\npaused = 0.6",
            r"frozen and paused are shares of the same clips: 0\.7 \+ 0\.6 is over 1",
        ),
        ("out = ", r"knobs\.toml is not valid TOML: Invalid value"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_config(DenoiserTraining, toml(tmp_path, text), {})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.toml does not exist"):
        read_config(VAETraining, tmp_path / "none.toml", {})


@pytest.mark.parametrize("kind", TRAININGS)
def test_every_knob_says_what_it_is_for(kind):
    assert all(len(field.metadata["help"]) > 3 for field in fields(kind))
    assert [field.name for field in fields(kind) if field.default is MISSING] == ["out"]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_files_are_valid_and_found_by_their_name(path):
    kinds = {"mini_vae": VAETraining, "mini_decoder": VAETraining, "mini_clip": CLIPTraining}
    kind = kinds.get(path.stem, DenoiserTraining)
    by_path, by_name = (read_config(kind, file, {"out": Path("a")}) for file in (path, Path(path.stem)))
    assert by_path == by_name


def test_the_command_line_says_what_is_wrong_without_a_traceback(tmp_path):
    command = [sys.executable, "-m", "higen_core.train", "vae", "--config", str(toml(tmp_path, "stepz = 1"))]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)  # noqa: S603
    assert result.returncode == 2
    assert "unknown key 'stepz'" in result.stderr
    assert "Traceback" not in result.stderr
