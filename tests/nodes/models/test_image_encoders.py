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
from higen_pack.nodes.models.image_encoders import dinov2, dinov2_names, image_tower
from higen_pack.nodes.models.model import load_model

from ...core.dinov2 import random_dinov2
from .. import networks

DINOV2 = {"model_type": "dinov2", "hidden_size": 384}


def is_loaded(encoder) -> bool:
    """Whether ComfyUI's model management has it loaded."""
    return any(loaded.model is encoder.patcher for loaded in comfy.model_management.current_loaded_models)


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
    assert is_loaded(tower)
    comfy.model_management.unload_all_models()
    assert not is_loaded(tower)
    alive = weakref.ref(tower.network)
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


@pytest.fixture
def dino(clip_vision):
    """The name of a DINOv2 in models/clip_vision."""
    return random_dinov2(clip_vision / "dinov2").name


def test_dinov2_encodes_as_the_core_does_on_the_devices_of_comfyui(dino, clip_vision):
    images = torch.rand(3, 40, 48, 3)
    encoder = dinov2(dino)
    torch.testing.assert_close(encoder.encode_image(images), hg.load_dinov2(clip_vision / dino)(images))
    assert encoder.patcher.load_device == comfy.model_management.text_encoder_device()
    assert encoder.patcher.offload_device == comfy.model_management.text_encoder_offload_device()


def test_dinov2_stays_loaded_until_comfyui_unloads_it(dino):
    """Which POST /free does, and ComfyUI itself to make room."""
    encode = dinov2(dino).encode_image
    encode(torch.rand(1, 32, 32, 3))
    alive = weakref.ref(encode.__self__.network)
    del encode
    gc.collect()
    assert dinov2(dino).network is alive()
    assert is_loaded(dinov2(dino))
    comfy.model_management.unload_all_models()
    gc.collect()
    assert alive() is None


def test_dinov2_that_is_unloaded_while_it_is_used_is_loaded_again(dino):
    images, encoder = torch.rand(1, 32, 32, 3), dinov2(dino)
    expected = encoder.encode_image(images)
    comfy.model_management.unload_all_models()
    assert not is_loaded(encoder)
    assert torch.equal(encoder.encode_image(images), expected)
    assert is_loaded(encoder)


def test_of_several_dinov2_the_one_that_was_used_last_is_kept(dino, clip_vision, monkeypatch):
    first = weakref.ref(dinov2(dino).network)
    random_dinov2(clip_vision / "other", seed=1)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    second = weakref.ref(dinov2("other").network)
    gc.collect()
    assert first() is None
    assert second() is not None


def test_a_loaded_dinov2_is_unharmed_by_its_file_and_a_new_file_is_read(dino, clip_vision):
    images, encoder = torch.rand(1, 32, 32, 3), dinov2(dino)
    expected = encoder.encode_image(images)
    file = clip_vision / dino / "model.safetensors"
    with file.open("r+b") as weights:
        weights.seek(file.stat().st_size // 2)
        weights.write(bytes(file.stat().st_size // 2))
    assert torch.equal(encoder.encode_image(images), expected)
    random_dinov2(clip_vision / dino, seed=1)
    assert not torch.allclose(dinov2(dino).encode_image(images), expected)


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
