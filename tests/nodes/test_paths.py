"""Weights are found where ComfyUI's own loaders find theirs, whatever folders the user has told it of."""

from pathlib import Path

import folder_paths
import pytest
from higen_pack.nodes import paths
from utils.extra_config import load_extra_path_config

KINDS = {"weights": paths.DENOISER_FOLDERS, "text encoder": paths.TEXT_FOLDERS, "VAE": paths.VAE_FOLDERS}


@pytest.fixture
def no_cache(monkeypatch):
    """ComfyUI's own folders, without what it remembers of them; changes to them end with the test."""
    paths.register_model_folder()
    places = {name: ([*folders], kinds) for name, (folders, kinds) in folder_paths.folder_names_and_paths.items()}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", places)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})


def put(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


@pytest.mark.parametrize(
    ("kind", "folder"),
    [
        ("weights", "higen"),
        ("weights", "diffusion_models"),
        ("text encoder", "text_encoders"),
        ("text encoder", "clip"),
        ("VAE", "vae"),
        ("VAE", "checkpoints"),
    ],
)
def test_a_file_is_found_in_each_folder_of_its_kind(no_cache, kind, folder):
    name = f"test_paths_{folder}.safetensors"
    path = put(Path(folder_paths.models_dir) / folder / name)
    try:
        assert name in paths.files(KINDS[kind])
        assert paths.find(name, KINDS[kind]) == path
    finally:
        Path(path).unlink()


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("weights", "higen"),
        ("weights", "unet"),
        ("text encoder", "clip"),
        ("text encoder", "text_encoders"),
        ("VAE", "vae"),
        ("VAE", "checkpoints"),
    ],
)
def test_extra_model_paths_are_honoured(no_cache, tmp_path, kind, key):
    """Read by ComfyUI's own function, as on its start with --extra-model-paths-config."""
    path = put(tmp_path / "elsewhere" / "my" / "weights.pth")
    (tmp_path / "extra.yaml").write_text(f"mine:\n  base_path: {tmp_path / 'elsewhere'}\n  {key}: my\n")
    load_extra_path_config(str(tmp_path / "extra.yaml"))
    paths.register_model_folder()  # what the pack does when ComfyUI loads it, after reading that file
    assert "weights.pth" in paths.files(KINDS[kind])
    assert paths.find("weights.pth", KINDS[kind]) == path
