"""What "auto" picks from ComfyUI's model folders, and what it says when it cannot pick."""

import folder_paths
import pytest
import torch
from higen_pack.nodes import candidates, paths
from safetensors.torch import save_file

RELEASED = "HiGen.pth"  # any weights but mini
DENOISER = {"asim_embedding.0.weight": torch.zeros(1)}
I2VGEN = {"local_image_concat.0.weight": torch.zeros(1)}
TOWER = {"ln_final.weight": torch.zeros(1024)}
TOWER_OF_TRANSFORMERS = {"text_model.final_layer_norm.weight": torch.zeros(1024)}
CLIP_L = {"text_model.final_layer_norm.weight": torch.zeros(768)}
VAE = {"decoder.conv_in.weight": torch.zeros(512, 4, 3, 3)}
FLUX_VAE = {"decoder.conv_in.weight": torch.zeros(512, 16, 3, 3)}
WHOLE_VAE = {f"first_stage_model.{name}": value for name, value in VAE.items()}
SD2 = WHOLE_VAE | {"cond_stage_model.model.ln_final.weight": torch.zeros(1024)}
SD1 = WHOLE_VAE | {"cond_stage_model.transformer.text_model.final_layer_norm.weight": torch.zeros(768)}


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Empty model folders; `models(folder, name, tensors)` puts a file there."""
    for folder in {*paths.TEXT_FOLDERS, *paths.VAE_FOLDERS, *paths.DENOISER_FOLDERS}:
        (tmp_path / folder).mkdir()
        place = ([str(tmp_path / folder)], folder_paths.supported_pt_extensions)
        monkeypatch.setitem(folder_paths.folder_names_and_paths, folder, place)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})

    def put(folder, name, tensors):
        path = tmp_path / folder / name
        (save_file if name.endswith("safetensors") else torch.save)(tensors, path)
        return str(path)

    return put


@pytest.mark.parametrize("folder", paths.DENOISER_FOLDERS)
def test_auto_takes_the_one_denoiser(models, folder):
    expected = models(folder, "HiGen.pth", {"state_dict": DENOISER, "step": 1})
    models("diffusion_models", "i2vgen_xl.pth", I2VGEN)
    assert candidates.weights_path(paths.AUTO) == expected
    assert candidates.weights_path("HiGen.pth") == expected
    assert candidates.weights_path(paths.MINI) == "mini"


def test_mini_comes_with_its_own_parts(models):
    models("text_encoders", "tower.safetensors", TOWER)
    models("vae", "vae.safetensors", VAE)
    for choice in (paths.AUTO, paths.MINI):
        assert candidates.text_encoder_path(choice, paths.MINI) == paths.bundled("clip")
        assert candidates.vae_path(choice, paths.MINI) == paths.bundled("vae")


@pytest.mark.parametrize("tensors", [TOWER, TOWER_OF_TRANSFORMERS, {"state_dict": TOWER}])
@pytest.mark.parametrize("name", ["tower.bin", "tower.safetensors"])
def test_auto_takes_the_one_text_tower(models, name, tensors):
    if "state_dict" in tensors and name.endswith("safetensors"):
        tensors = tensors["state_dict"]
    expected = models("text_encoders", name, tensors)
    models("text_encoders", "clip_l.safetensors", CLIP_L)
    assert candidates.text_encoder_path(paths.AUTO, RELEASED) == expected


@pytest.mark.parametrize(
    ("folder", "name", "tensors"),
    [
        ("vae", "sd.safetensors", VAE),
        ("vae", "sd.pt", {"state_dict": VAE, "step": 1}),
        ("checkpoints", "v2-1_512-ema-pruned.ckpt", {"state_dict": SD2, "global_step": 1}),
    ],
)
def test_auto_takes_the_one_vae(models, folder, name, tensors):
    expected = models(folder, name, tensors)
    models("vae", "flux.safetensors", FLUX_VAE)
    models("checkpoints", "sd1.safetensors", SD1)
    assert candidates.vae_path(paths.AUTO, RELEASED) == expected


def test_with_none_it_says_which_file_goes_where(models):
    models("text_encoders", "clip_l.safetensors", CLIP_L)
    models("diffusion_models", "i2vgen_xl.pth", I2VGEN)
    with pytest.raises(FileNotFoundError, match=r"cvpr2024.*\.pth into models/higen, then refresh the page \(R\)"):
        candidates.weights_path(paths.AUTO)
    with pytest.raises(FileNotFoundError, match=r"open_clip_pytorch_model.bin.*models/text_encoders"):
        candidates.text_encoder_path(paths.AUTO, RELEASED)
    with pytest.raises(FileNotFoundError, match=r"v2-1_512-ema-pruned.ckpt.*models/checkpoints.*models/vae"):
        candidates.vae_path(paths.AUTO, RELEASED)


def test_with_several_it_asks(models):
    models("text_encoders", "one.safetensors", TOWER)
    models("text_encoders", "two.bin", TOWER)
    with pytest.raises(ValueError, match="text_encoder cannot be 'auto' with 2 candidates: choose one of one.*, two"):
        candidates.text_encoder_path(paths.AUTO, RELEASED)


def test_a_file_that_holds_code_is_no_candidate(models, tmp_path):
    ran = tmp_path / "ran"

    class Code:
        def __reduce__(self):
            return (ran.touch, ())

    models("text_encoders", "evil.bin", {"ln_final.weight": torch.zeros(1024), "x": Code()})
    (tmp_path / "text_encoders" / "torn.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{half")
    with pytest.raises(FileNotFoundError):
        candidates.text_encoder_path(paths.AUTO, RELEASED)
    assert not ran.exists()


def test_files_of_both_folders_are_listed_and_found(models):
    first = models("higen", "HiGen.pth", {})
    other = models("diffusion_models", "other.safetensors", {"x": torch.zeros(1)})
    models("diffusion_models", "HiGen.pth", {})
    assert paths.files(paths.DENOISER_FOLDERS) == ["HiGen.pth", "other.safetensors"]
    assert paths.find("HiGen.pth", paths.DENOISER_FOLDERS) == first
    assert paths.find("other.safetensors", paths.DENOISER_FOLDERS) == other


def test_a_file_that_went_away_is_named(models):
    with pytest.raises(FileNotFoundError, match="'gone.pth' is in none of the model folders higen, diffusion_models"):
        paths.find("gone.pth", paths.DENOISER_FOLDERS)


def test_the_model_folder_is_made_and_lists_every_kind_of_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "higen", (["/from/extra_model_paths"], set()))
    paths.register_model_folder()
    paths.register_model_folder()
    assert (tmp_path / "higen").is_dir()
    assert folder_paths.get_folder_paths("higen") == ["/from/extra_model_paths", str(tmp_path / "higen")]
    for name in ("HiGen.pth", "notes.txt"):
        (tmp_path / "higen" / name).touch()
    assert folder_paths.get_filename_list("higen") == ["HiGen.pth"]
