"""What ComfyUI's registry distributes: the nodes and all they need, no tests and no sprite data set."""

import json

import pytest

from .files import ROOT

NEEDED = [
    "__init__.py",
    "pyproject.toml",
    "requirements.txt",
    "node_list.json",
    "nodes/__init__.py",
    "nodes/web/higen_cue_schedule.js",
    "nodes/web/docs/HiGenLoader/en.md",
    "locales/en/nodeDefs.json",
    "locales/zh/nodeDefs.json",
    "subgraphs/HiGen Text to Video.json",
    "subgraphs/HiGen Image to Video.json",
    "workflows/text_to_video.json",
    "workflows/text_to_video.jpg",
    *(f"higen_core/mini/{name}.safetensors" for name in ("denoiser", "vae", "clip")),
    "higen_core/train/configs/finetune.toml",
]


@pytest.mark.parametrize("name", NEEDED)
def test_the_pack_holds(name, pack):
    assert (pack / name).is_file()


@pytest.mark.parametrize("name", ["tests", "higen_core/train/sprites", "Makefile", "CONTRIBUTING.md", ".ci"])
def test_the_pack_is_without(name, pack):
    assert (ROOT / name).exists()
    assert not (pack / name).exists()


def test_every_node_has_its_help_in_the_pack(pack):
    for node in json.loads((pack / "node_list.json").read_text()):
        assert (pack / "nodes" / "web" / "docs" / node / "en.md").is_file()


def test_no_code_of_the_pack_needs_the_sprites(pack):
    assert [str(path) for path in pack.rglob("*.py") if "sprite" in path.read_text().lower()] == []
