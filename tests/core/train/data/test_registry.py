"""Data sets that plug in, found by name."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from higen_core.train.config import VAETraining
from higen_core.train.data import registry
from higen_core.train.data.registry import Training, plugin


@pytest.mark.parametrize("data", ["", "folder/videos", "./videos", "list.csv", "list.jsonl", "{00..99}.tar", "/videos"])
def test_paths_name_no_data_set(data):
    assert plugin(data) is None


def test_a_file_or_folder_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sprites").mkdir()
    assert plugin("sprites") is None


@pytest.mark.parametrize("data", ["nosuch", "data", "vae", "configs", "my videos", "os"])
def test_a_name_without_a_data_set_is_refused(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = f"data = '{data}' is neither a file or folder here nor an installed data set.* under higen_core/train/"
    with pytest.raises(ValueError, match=message):
        plugin(data)


def test_the_package_of_a_name_is_found(tmp_path, monkeypatch):
    """A package beside the trainings, here one in a folder that is added to them."""
    import higen_core.train

    monkeypatch.chdir(tmp_path)
    (tmp_path / "more" / "drawings").mkdir(parents=True)
    (tmp_path / "more" / "drawings" / "__init__.py").write_text("TRAININGS = {}\n")
    monkeypatch.setattr(higen_core.train, "__path__", [*higen_core.train.__path__, str(tmp_path / "more")])
    module = plugin("drawings")
    assert isinstance(module, ModuleType) and module.TRAININGS == {}
    del sys.modules[module.__name__]


def test_the_error_lists_the_data_sets_that_are_installed(tmp_path, monkeypatch):
    pytest.importorskip("higen_core.train.sprites")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"data may be a folder of videos, .*, or sprites$"):
        plugin("nosuch")


def test_a_training_imports_its_function_when_it_runs(monkeypatch):
    """Relative to the module of its config, or absolute."""
    from higen_core.train import vae

    config, ran = VAETraining(out=Path("a"), data="v"), []
    monkeypatch.setattr(vae, "main", ran.append)
    for main in (".vae:main", "higen_core.train.vae:main"):
        Training(VAETraining, main, "train").run(config)
    assert ran == [config, config]
    assert registry.PACKAGE == "higen_core.train"
