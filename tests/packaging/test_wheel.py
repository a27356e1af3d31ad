"""`pip install .`: one package, with mini and without the sprite data set. test_readme.py makes a video with it."""

import zipfile
from email.parser import Parser

import pytest


@pytest.fixture(scope="module")
def names(wheel) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_core_is_the_only_package(names):
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"higen_core"}


@pytest.mark.parametrize(
    "name",
    [
        *(f"mini/{name}.safetensors" for name in ("denoiser", "vae", "clip")),
        "mini/evaluation.json",
        "mini/sampling.json",
        "mini/prompts.json",
        "mini/pictures.json",
        "mini/README.md",
        "train/README.md",
        "train/configs/finetune.toml",
        "train/data/registry.py",
    ],
)
def test_the_wheel_holds(name, names):
    assert f"higen_core/{name}" in names


def test_the_wheel_is_without_sprites(names):
    assert not [name for name in names if "sprites" in name]


def test_what_is_required_follows_the_requirements(wheel, names):
    metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
    fields = Parser().parsestr(zipfile.ZipFile(wheel).read(metadata).decode())
    required = fields.get_all("Requires-Dist", [])
    assert any(line.startswith("kornia>=") for line in required)
    assert {line.split(";")[0] for line in required if 'extra == "train"' in line} >= {"accelerate", "webdataset"}
