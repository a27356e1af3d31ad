"""Image encoders: owned by ComfyUI's model management, and listed whatever lies in the folders."""

import gc
import json
import weakref

import comfy.model_management
import folder_paths
import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.models.clip import CLIP
from higen_pack.nodes.models.image_encoders import dinov2_names, image_tower
from higen_pack.nodes.models.model import load_model

from .. import networks

DINOV2 = {"model_type": "dinov2", "hidden_size": 384}


@pytest.fixture
def source(tmp_path):
    return str(networks.random_file(tmp_path / "clip.safetensors", CLIP, networks.CLIP))


def test_the_tower_encodes_as_the_core_does(source):
    images = torch.rand(19, 40, 48, 3)
    expected = hg.load_clip(source).encode_image(images)
    torch.testing.assert_close(image_tower(source).encode_image(images), expected)


def test_a_tower_is_loaded_by_comfyui_and_lives_as_long_as_its_model(source, tmp_path):
    unet = networks.random_file(tmp_path / "unet.safetensors", hg.UNet, networks.UNET)
    models = [load_model(str(unet), "fp32", source) for _ in range(2)]
    for model in models:
        assert model.model.encode_image(torch.rand(1, 32, 32, 3)).shape == (1, networks.CLIP.embed_dim)
    tower = image_tower(source)
    assert tower.patcher in [loaded.model for loaded in comfy.model_management.current_loaded_models]
    comfy.model_management.unload_all_models()
    assert tower.patcher not in [loaded.model for loaded in comfy.model_management.current_loaded_models]
    alive = weakref.ref(tower.clip)
    del tower, model, models
    gc.collect()
    assert alive() is None


def test_a_loaded_tower_survives_its_file(source, tmp_path):
    images, tower = torch.rand(2, 32, 32, 3), image_tower(source)
    expected = tower.encode_image(images)
    (tmp_path / "clip.safetensors").unlink()
    assert torch.equal(image_tower(source).encode_image(images), expected)


@pytest.fixture
def clip_vision(tmp_path, monkeypatch):
    entry = ([str(tmp_path)], folder_paths.supported_pt_extensions)
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "clip_vision", entry)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return tmp_path


def add(folder, config: bytes | None):
    folder.mkdir()
    (folder / "model.safetensors").touch()
    if config is not None:
        (folder / "config.json").write_bytes(config)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_config_is_read_in_every_encoding(clip_vision, encoding):
    add(clip_vision / "dinov2", json.dumps(DINOV2).encode(encoding))
    assert dinov2_names() == ["dinov2"]


def test_foreign_folders_are_left_out_and_said_once(clip_vision, caplog):
    add(clip_vision / "dinov2", json.dumps(DINOV2).encode())
    foreign = {
        "cut": b'{"model_type": "dino',
        "latin": '{"name": "für"}'.encode("latin-1"),
        "list": b"[1, 2]",
        "number": b"7",
        "empty": b"",
        "deep": b"[" * 100_000,
        "other": b'{"model_type": ["dinov2"]}',
        "none": None,
    }
    for name, config in foreign.items():
        add(clip_vision / name, config)
    add(clip_vision / "folder", None)
    (clip_vision / "folder" / "config.json").mkdir()
    (clip_vision / "dangling").mkdir()
    (clip_vision / "dangling" / "model.safetensors").symlink_to(clip_vision / "nowhere")
    for _ in range(2):
        assert dinov2_names() == ["dinov2"]
    messages = [record.getMessage() for record in caplog.records if "is left out" in record.getMessage()]
    assert sorted(message.split()[4] for message in messages) == ["cut", "dangling", "deep", "empty", "latin"]
