"""Weights are found in the same folders as by ComfyUI's own loaders, with all folders that the user has added."""

from pathlib import Path

import folder_paths
import pytest
import torch
from higen_pack.nodes.models import folders
from utils.extra_config import load_extra_path_config

CATEGORIES = {"weights": folders.DENOISER_FOLDERS, "text encoder": folders.TEXT_FOLDERS, "VAE": folders.VAE_FOLDERS}


@pytest.fixture
def comfyui_folders(monkeypatch):
    """ComfyUI's own folders, without cached file names; changes to them end with the test."""
    folders.register_model_folder()
    entries = {name: ([*paths], suffixes) for name, (paths, suffixes) in folder_paths.folder_names_and_paths.items()}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", entries)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})


def create(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


@pytest.mark.parametrize(
    ("network", "folder"),
    [
        ("weights", "higen"),
        ("weights", "diffusion_models"),
        ("text encoder", "text_encoders"),
        ("text encoder", "clip"),
        ("VAE", "vae"),
        ("VAE", "checkpoints"),
    ],
)
def test_a_file_is_found_in_each_folder_for_its_network(comfyui_folders, network, folder):
    name = f"test_folders_{folder}.safetensors"
    path = create(Path(folder_paths.models_dir) / folder / name)
    try:
        assert name in folders.files(CATEGORIES[network])
        assert folders.find(name, CATEGORIES[network]) == path
    finally:
        Path(path).unlink()


@pytest.mark.parametrize(
    ("network", "key"),
    [
        ("weights", "higen"),
        ("weights", "unet"),
        ("text encoder", "clip"),
        ("text encoder", "text_encoders"),
        ("VAE", "vae"),
        ("VAE", "checkpoints"),
    ],
)
def test_extra_model_paths_are_used(comfyui_folders, tmp_path, network, key):
    """ComfyUI's own function reads them, as at a start with --extra-model-paths-config."""
    path = create(tmp_path / "elsewhere" / "my" / "weights.pth")
    (tmp_path / "extra.yaml").write_text(f"mine:\n  base_path: {tmp_path / 'elsewhere'}\n  {key}: my\n")
    load_extra_path_config(str(tmp_path / "extra.yaml"))
    folders.register_model_folder()  # when ComfyUI loads the pack, after it has read that file
    assert "weights.pth" in folders.files(CATEGORIES[network])
    assert folders.find("weights.pth", CATEGORIES[network]) == path


def test_files_of_both_folders_are_listed_and_found(write_file):
    first = write_file("higen", "HiGen.pth", {})
    second = write_file("diffusion_models", "other.safetensors", {"x": torch.zeros(1)})
    write_file("diffusion_models", "HiGen.pth", {})
    assert folders.files(folders.DENOISER_FOLDERS) == ["HiGen.pth", "other.safetensors"]
    assert folders.find("HiGen.pth", folders.DENOISER_FOLDERS) == first
    assert folders.find("other.safetensors", folders.DENOISER_FOLDERS) == second


def test_a_file_that_does_not_exist_any_more_is_named(model_folders):
    with pytest.raises(FileNotFoundError, match="'gone.pth' is in none of the model folders higen, diffusion_models"):
        folders.find("gone.pth", folders.DENOISER_FOLDERS)


def test_the_model_folder_is_created_and_lists_weights_of_all_formats(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "higen", (["/from/extra_model_paths"], set()))
    folders.register_model_folder()
    folders.register_model_folder()
    assert (tmp_path / "higen").is_dir()
    assert folder_paths.get_folder_paths("higen") == ["/from/extra_model_paths", str(tmp_path / "higen")]
    for name in ("HiGen.pth", "notes.txt"):
        (tmp_path / "higen" / name).touch()
    assert folder_paths.get_filename_list("higen") == ["HiGen.pth"]


@pytest.mark.parametrize("obstacle", ["dangling link", "file", "file in place of models"])
def test_the_pack_starts_where_its_folder_cannot_be_created(tmp_path, monkeypatch, caplog, obstacle):
    models = tmp_path / "models"
    if obstacle == "file in place of models":
        models.touch()
    else:
        models.mkdir()
    if obstacle == "dangling link":
        (models / "higen").symlink_to(tmp_path / "nowhere")
    elif obstacle == "file":
        (models / "higen").touch()
    monkeypatch.setattr(folder_paths, "models_dir", str(models))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "higen", ([], set()))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    for _ in range(2):
        folders.register_model_folder()
        assert folders.files(("higen",)) == []
    assert caplog.text.count("the folder for HiGen's weights cannot be created") == 1


def test_a_folder_that_cannot_be_read_is_left_out(write_file, model_folders, caplog):
    """A link to itself makes ComfyUI's own search fail."""
    write_file("diffusion_models", "HiGen.pth", {})
    (model_folders / "higen" / "loop").symlink_to(model_folders / "higen" / "loop")
    assert folders.files(folders.DENOISER_FOLDERS)[-1] == "HiGen.pth"


def test_bundled_loras_are_listed_with_those_of_the_user_and_no_other_file_of_mini(monkeypatch, tmp_path):
    own = ([str(tmp_path)], folder_paths.supported_pt_extensions)
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "loras", own)
    (tmp_path / "own.safetensors").touch()
    folders.register_loras()
    folders.register_loras()
    folder_paths.filename_list_cache.clear()
    bundled = "higen_mini_live.safetensors"
    assert sorted(folder_paths.get_filename_list("loras")) == [bundled, "own.safetensors"]
    assert Path(folder_paths.get_full_path("loras", bundled)).parent == folders.LORAS
    folder_paths.filename_list_cache.clear()
