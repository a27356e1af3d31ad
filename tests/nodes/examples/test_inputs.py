"""The example inputs come into ComfyUI's input folder without harm to what is there."""

import json
import logging
from pathlib import Path

import folder_paths
import pytest
from higen_pack.nodes.examples import inputs
from higen_pack.nodes.examples.inputs import provide_inputs

from ...comfyui.paths import EXAMPLE_INPUTS, WORKFLOWS

LOADERS = ("LoadImage", "LoadVideo", "LoadAudio", "LoadImageMask")
NAMES = sorted(file.name for file in EXAMPLE_INPUTS.iterdir() if file.suffix != ".md")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    return tmp_path


def test_missing_files_are_copied_once(folder):
    assert sorted(path.name for path in provide_inputs()) == NAMES
    assert [(folder / name).read_bytes() for name in NAMES] == [(EXAMPLE_INPUTS / name).read_bytes() for name in NAMES]
    assert provide_inputs() == []


def test_a_file_of_the_same_name_is_kept(folder):
    (folder / NAMES[0]).write_bytes(b"the user's own")
    provide_inputs()
    assert (folder / NAMES[0]).read_bytes() == b"the user's own"


def test_a_folder_that_cannot_be_written_is_told_and_stays_as_it_is(folder, monkeypatch, caplog):
    def fail(file, folder):
        raise PermissionError(f"[Errno 30] Read-only file system: '{folder / file.name}'")

    monkeypatch.setattr(inputs, "copy", fail)  # root may write everywhere
    with caplog.at_level(logging.WARNING):
        assert provide_inputs() == []
    (message,) = caplog.messages
    assert NAMES[0] in message and str(folder) in message and "Read-only" in message
    assert list(folder.iterdir()) == []


def test_a_missing_input_folder_is_told(folder, monkeypatch, caplog):
    monkeypatch.setattr(folder_paths, "input_directory", str(folder / "gone"))
    assert provide_inputs() == []
    assert "could not be copied" in caplog.text


@pytest.mark.parametrize("workflow", sorted(WORKFLOWS.glob("*.json")), ids=lambda path: path.stem)
def test_workflows_load_only_files_of_the_pack_with_names_that_users_do_not_have(workflow):
    nodes = json.loads(workflow.read_text())["nodes"]
    loaded = {node["widgets_values"][0] for node in nodes if node["type"] in LOADERS}
    assert loaded <= set(NAMES)
    assert [name for name in loaded if not name.startswith("higen_")] == []
