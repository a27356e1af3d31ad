"""The command line: the trainings of the data set that is named, errors without a traceback, the README's commands."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from higen_core.train import __main__ as cli
from higen_core.train.config import DenoiserTraining
from higen_core.train.data.registry import Training
from higen_core.train.options import shipped_configs
from higen_core.weights.checkpoint import not_written

from ...comfyui.paths import ROOT
from . import tiny


def command_line(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "higen_core.train", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)  # noqa: S603


@pytest.fixture
def started(monkeypatch) -> list:
    """The configs of the trainings that would have run."""
    configs = []
    monkeypatch.setattr(Training, "run", lambda training, config: configs.append((training, config)))
    return configs


@pytest.mark.medium
def test_what_is_wrong_is_printed_without_a_traceback(tmp_path):
    (tmp_path / "options.toml").write_text("stepz = 1")
    result = command_line("vae", "--config", tmp_path / "options.toml")
    assert result.returncode == 2
    assert "unknown option 'stepz'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_full_disk_is_an_error_without_a_traceback(tmp_path, monkeypatch, capsys):
    def run(training, config):
        raise not_written(tmp_path / "state.pt", OSError("No space left on device"))

    monkeypatch.setattr(Training, "run", run)
    with pytest.raises(SystemExit, match="1"):
        cli.main(["denoiser", "--data", str(tmp_path), "--out", "runs/a", "--pictures", "3"])
    assert "error: " in (printed := capsys.readouterr().err)
    assert "state.pt cannot be written: No space left on device" in printed


@pytest.mark.parametrize(
    ("flags", "message", "status"),
    [
        ({"height": 36}, "height must be multiples of 8, got 32x36", 2),
        ({"frames": None}, "frames is needed: it is not set", 2),
        ({"data": "empty"}, "empty holds no video", 2),
        ({"data": "nowhere.csv"}, "nowhere.csv", 2),
        ({"vae": "nowhere.safetensors"}, "nowhere.safetensors", 2),
        ({"init": "broken.safetensors"}, "broken.safetensors", 2),
        ({"network": "huge"}, "network must be mini, released or a table", 2),
        ({"lr": 1e30, "steps": 3}, "the last checkpoint is kept", 1),
    ],
)
def test_errors_of_a_training_are_one_line_without_a_traceback(flags, message, status, tmp_path, monkeypatch, capsys):
    """Bad options and data that only the training notices, and a run that fails."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    tiny.networks(tmp_path)
    tiny.film(tmp_path / "videos" / "a.mp4")
    config = tiny.toml(tmp_path / "options.toml", tiny.UNET, steps=1, warmup=0, images=1, videos=1)
    options = {"data": "videos", "frames": 4, "fps": 8.0, "width": 32, "height": 32, "similarity_floor": 0.0}
    options |= {"precision": "no"} | flags
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
    with pytest.raises(SystemExit) as exit:
        cli.main(["denoiser", "--config", str(config), "--out", str(tmp_path), *given])
    assert exit.value.code == status
    [line] = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert message in line and line.startswith("python -m higen_core.train: error: ")


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(Training, "run", lambda training, config: int("not a check of this package"))
    with pytest.raises(ValueError, match="invalid literal"):
        cli.main(["denoiser", "--data", ".", "--out", "runs/a"])


@pytest.mark.parametrize("arguments", [["--help"], ["denoiser", "--help"], ["vae", "--help"], ["clip", "--help"]])
def test_help(arguments, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(arguments)
    assert "usage: python -m higen_core.train" in capsys.readouterr().out


def test_videos_are_trained_on_with_the_options_of_this_package(tmp_path, started):
    cli.main(["denoiser", "--data", str(tmp_path), "--out", "runs/a", "--pictures", "3"])
    [(training, config)] = started
    assert training is cli.TRAININGS["denoiser"]
    assert config == DenoiserTraining(data=str(tmp_path), out=Path("runs/a"), images=3)


def test_a_data_set_brings_its_own_trainings(tmp_path, started):
    """Named by a flag, by a file, and by a shipped file of its own."""
    sprites = pytest.importorskip("higen_core.train.sprites")
    (tmp_path / "options.toml").write_text('data = "sprites"')
    for source in (["--data", "sprites"], ["--config", str(tmp_path / "options.toml")], ["--config", "mini_denoiser"]):
        cli.main(["denoiser", *source, "--out", "runs/a"])
    assert [training for training, _ in started] == 3 * [sprites.TRAININGS["denoiser"]]


@pytest.mark.medium
def test_without_the_package_of_a_data_set_the_error_says_where_it_is(tmp_path):
    """In a copy of the core without the package, as users install it."""
    without = shutil.ignore_patterns("sprites", "__pycache__", "*.safetensors")
    shutil.copytree(ROOT / "higen_core", tmp_path / "higen_core", ignore=without)
    (tmp_path / "options.toml").write_text('data = "sprites"')
    result = command_line("denoiser", "--config", tmp_path / "options.toml", "--out", tmp_path / "out", cwd=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "'sprites' is neither a file or folder here nor an installed data set" in result.stderr
    assert "in the project's repository under higen_core/train/" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_optional_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch, capsys):
    def run(training, config):
        raise ModuleNotFoundError("base = 'int8' needs torchao: pip install torchao", name="torchao")

    monkeypatch.setattr(Training, "run", run)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["lora", "--init", "mini", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert "error: base = 'int8' needs torchao: pip install torchao\n" in capsys.readouterr().err


def test_a_run_that_cannot_be_resumed_is_refused_before_it_starts(tmp_path, started):
    config = DenoiserTraining(data=str(tmp_path), out=tmp_path)
    config.folder.mkdir()
    torch.save({"config": json.dumps(config.to_dict() | {"seed": 4})}, config.folder / "state.pt")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["denoiser", "--data", str(tmp_path), "--out", str(tmp_path)])
    assert not started


README = (ROOT / "higen_core" / "train" / "README.md").read_text(encoding="utf-8")


def readme_commands() -> list[str]:
    """The commands of the README's code blocks, a line each."""
    lines = "".join(re.findall(r"```\n(.*?)```", README, re.DOTALL)).replace("\\\n", " ").splitlines()
    return [line for line in lines if "-m higen_core.train " in line]


@pytest.mark.parametrize("command", readme_commands())
def test_the_commands_of_the_readme_are_valid(command, started, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(shipped_configs()["finetune"], "my.toml")  # as the README says
    cli.main(shlex.split(command.partition("higen_core.train ")[2]))
    assert len(started) == 1


def test_the_readme_names_the_options_that_cannot_change():
    [sentence] = re.findall(r"\n- ([^-]*?) cannot change", README)
    options = {f for training in cli.TRAININGS.values() for f in fields(training.config)}
    refused = {f.name for f in options if f.metadata["resume"] == "refuse"}
    assert set(re.findall(r"`(\w+)`", sentence)) == refused


def test_the_shipped_file_asks_for_data(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["denoiser", "--config", "finetune", "--out", "a"])
    assert "data is neither in finetune nor given as --data" in capsys.readouterr().err
