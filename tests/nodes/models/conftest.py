"""Fixtures for tests that read files in ComfyUI's model folders."""

import folder_paths
import pytest
import torch
from higen_pack.nodes.models import folders
from safetensors.torch import save_file

CATEGORIES = {*folders.DENOISER_FOLDERS, *folders.TEXT_FOLDERS, *folders.VAE_FOLDERS}


@pytest.fixture
def model_folders(tmp_path, monkeypatch):
    """A new folder with an empty folder for each category, which ComfyUI uses during the test."""
    for category in CATEGORIES:
        (tmp_path / category).mkdir()
        entry = ([str(tmp_path / category)], folder_paths.supported_pt_extensions)
        monkeypatch.setitem(folder_paths.folder_names_and_paths, category, entry)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return tmp_path


@pytest.fixture
def write_file(model_folders):
    """`write_file(category, name, tensors)` writes a file in the format of its suffix and returns its path."""

    def write(category, name, tensors) -> str:
        path = model_folders / category / name
        (save_file if name.endswith("safetensors") else torch.save)(tensors, path)
        return str(path)

    return write
