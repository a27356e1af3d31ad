"""What the graph editor shows of weights."""

import os

import folder_paths
import pytest
from higen_pack import higen_core as hg
from higen_pack.nodes.models.folders import MINI
from higen_pack.nodes.models.routes import info_of, notes_of

from .. import networks


def test_the_info_of_mini_has_its_settings_and_prompts():
    info = info_of(MINI)
    assert (info["frames"], info["sampling"]["steps"]) == (16, 12)
    assert info["prompts"]["examples"]
    assert info["motion_scale"] == hg.load_unet("mini").info.motion_scale


def test_a_file_that_was_replaced_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "get_full_path", lambda folder, name: str(tmp_path / name))
    path = tmp_path / "unet.safetensors"
    for seconds, frames in enumerate((8, 24)):
        networks.random_file(path, hg.UNet, networks.UNET, frames=frames)
        os.utime(path, (seconds, seconds))
        assert info_of("unet.safetensors")["frames"] == frames


def test_a_missing_file_is_an_error():
    with pytest.raises(FileNotFoundError):
        info_of("missing.safetensors")


def test_a_prompt_is_warned_of_without_its_weights():
    notes = notes_of(MINI, "a (red:1.2) car and a zebra")
    assert notes["unknown"] == ["zebra"]
    assert [note["words"] for note in notes["notes"]] == [["red", "car"]]
    assert notes_of(MINI, "a panda moving right") == {"unknown": [], "notes": []}
