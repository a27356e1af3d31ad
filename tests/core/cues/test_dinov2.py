"""DINOv2 with random weights, and that no other module needs it."""

import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from higen_core import load_dinov2
from higen_core.cues.dinov2 import DINOv2

from ...comfyui.paths import ROOT
from ..dinov2 import random_dinov2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return random_dinov2(tmp_path_factory.mktemp("dinov2"))


def test_images_of_any_size_become_embeddings(folder):
    encode = load_dinov2(folder)
    images = torch.rand(2, 90, 160, 3, generator=torch.Generator().manual_seed(0))
    embeddings = encode(images)
    assert embeddings.shape == (2, 32)
    assert not embeddings.requires_grad
    torch.testing.assert_close(encode(images[1:]), embeddings[1:], atol=1e-4, rtol=1e-4)


def test_images_are_encoded_on_the_device_of_the_network(folder):
    assert DINOv2(folder).to("meta").encode_image(torch.rand(1, 32, 32, 3)).device.type == "meta"


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no config.json"):
        load_dinov2(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(ValueError, match="has a model of type 'vit', not 'dinov2'"):
        load_dinov2(tmp_path)


def test_only_the_public_namespace_imports_it():
    package = ROOT / "higen_core"
    importers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"^\s*(from|import)\s.*dinov2", path.read_text(), re.M)
    }
    assert importers == {"__init__.py"}


def test_weights_that_are_not_those_of_the_config_are_refused(folder, tmp_path):
    shutil.copy(folder / "config.json", tmp_path)
    save_file({}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"not those of its config.json: \d+ tensors are missing, the first is "):
        load_dinov2(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["layernorm.weight"] *= torch.nan
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"are damaged: layernorm\.weight has NaN"):
        load_dinov2(tmp_path)
