"""DINOv2 with random weights, and that no other module needs it."""

import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from higen_core import load_dinov2

from ...comfyui.paths import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from transformers import Dinov2Config, Dinov2Model

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 224, "patch_size": 14}
    folder = tmp_path_factory.mktemp("dinov2")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Dinov2Model(Dinov2Config(**sizes, initializer_range=0.3, layerscale_value=1.0)).save_pretrained(folder)
    return folder


def test_images_of_any_size_become_embeddings(folder):
    encode = load_dinov2(folder)
    images = torch.rand(2, 90, 160, 3, generator=torch.Generator().manual_seed(0))
    embeddings = encode(images)
    assert embeddings.shape == (2, 32)
    assert not embeddings.requires_grad
    torch.testing.assert_close(encode(images[1:]), embeddings[1:], atol=1e-4, rtol=1e-4)


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
