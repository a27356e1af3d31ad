"""The files that "auto" selects in ComfyUI's model folders, and the errors where there is none or several."""

import pytest
import torch
from higen_pack.nodes.models import auto_select, folders

RELEASED = "HiGen.pth"  # any weights but mini
DENOISER = {"asim_embedding.0.weight": torch.zeros(1)}
I2VGEN = {"local_image_concat.0.weight": torch.zeros(1)}
TOWER = {"ln_final.weight": torch.zeros(1024)}
TOWER_OF_TRANSFORMERS = {"text_model.final_layer_norm.weight": torch.zeros(1024)}
CLIP_L = {"text_model.final_layer_norm.weight": torch.zeros(768)}
VAE = {"decoder.conv_in.weight": torch.zeros(512, 4, 3, 3)}
FLUX_VAE = {"decoder.conv_in.weight": torch.zeros(512, 16, 3, 3)}
VAE_IN_CHECKPOINT = {f"first_stage_model.{name}": value for name, value in VAE.items()}
SD2 = VAE_IN_CHECKPOINT | {"cond_stage_model.model.ln_final.weight": torch.zeros(1024)}
SD1 = VAE_IN_CHECKPOINT | {"cond_stage_model.transformer.text_model.final_layer_norm.weight": torch.zeros(768)}


@pytest.mark.parametrize("category", folders.DENOISER_FOLDERS)
def test_auto_selects_the_only_denoiser(write_file, category):
    expected = write_file(category, "HiGen.pth", {"state_dict": DENOISER, "step": 1})
    write_file("diffusion_models", "i2vgen_xl.pth", I2VGEN)
    assert auto_select.weights_path(folders.AUTO) == expected
    assert auto_select.weights_path("HiGen.pth") == expected
    assert auto_select.weights_path(folders.MINI) == "mini"


def test_auto_selects_the_other_networks_of_mini_for_mini(write_file):
    write_file("text_encoders", "tower.safetensors", TOWER)
    write_file("vae", "vae.safetensors", VAE)
    for choice in (folders.AUTO, folders.MINI):
        assert auto_select.text_encoder_path(choice, folders.MINI) == folders.bundled("clip")
        assert auto_select.vae_path(choice, folders.MINI) == folders.bundled("vae")


@pytest.mark.parametrize("tensors", [TOWER, TOWER_OF_TRANSFORMERS, {"state_dict": TOWER}])
@pytest.mark.parametrize("name", ["tower.bin", "tower.safetensors"])
def test_auto_selects_the_only_text_tower(write_file, name, tensors):
    if "state_dict" in tensors and name.endswith("safetensors"):
        tensors = tensors["state_dict"]
    expected = write_file("text_encoders", name, tensors)
    write_file("text_encoders", "clip_l.safetensors", CLIP_L)
    assert auto_select.text_encoder_path(folders.AUTO, RELEASED) == expected


@pytest.mark.parametrize(
    ("category", "name", "tensors"),
    [
        ("vae", "sd.safetensors", VAE),
        ("vae", "sd.pt", {"state_dict": VAE, "step": 1}),
        ("checkpoints", "v2-1_512-ema-pruned.ckpt", {"state_dict": SD2, "global_step": 1}),
    ],
)
def test_auto_selects_the_only_vae(write_file, category, name, tensors):
    expected = write_file(category, name, tensors)
    write_file("vae", "flux.safetensors", FLUX_VAE)
    write_file("checkpoints", "sd1.safetensors", SD1)
    assert auto_select.vae_path(folders.AUTO, RELEASED) == expected


def test_without_a_candidate_the_error_says_which_file_is_needed_where(write_file):
    write_file("text_encoders", "clip_l.safetensors", CLIP_L)
    write_file("diffusion_models", "i2vgen_xl.pth", I2VGEN)
    with pytest.raises(FileNotFoundError, match=r"cvpr2024.*\.pth into models/higen, then refresh the page \(R\)"):
        auto_select.weights_path(folders.AUTO)
    with pytest.raises(FileNotFoundError, match=r"open_clip_pytorch_model.bin.*models/text_encoders"):
        auto_select.text_encoder_path(folders.AUTO, RELEASED)
    with pytest.raises(FileNotFoundError, match=r"v2-1_512-ema-pruned.ckpt.*models/checkpoints.*models/vae"):
        auto_select.vae_path(folders.AUTO, RELEASED)


def test_with_several_candidates_the_error_lists_them(write_file):
    write_file("text_encoders", "one.safetensors", TOWER)
    write_file("text_encoders", "two.bin", TOWER)
    with pytest.raises(ValueError, match="text_encoder cannot be 'auto' with 2 candidates: choose one of one.*, two"):
        auto_select.text_encoder_path(folders.AUTO, RELEASED)


def test_a_file_that_contains_code_is_not_a_candidate(write_file, model_folders):
    marker = model_folders / "code_has_run"

    class Code:
        def __reduce__(self):
            return (marker.touch, ())

    write_file("text_encoders", "code.bin", {"ln_final.weight": torch.zeros(1024), "x": Code()})
    (model_folders / "text_encoders" / "truncated.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{half")
    with pytest.raises(FileNotFoundError):
        auto_select.text_encoder_path(folders.AUTO, RELEASED)
    assert not marker.exists()


def test_auto_leaves_out_what_is_no_file_of_weights_and_says_so_once(write_file, model_folders, caplog):
    write_file("text_encoders", "tower.safetensors", TOWER)
    folder = model_folders / "text_encoders"
    (folder / "dangling.safetensors").symlink_to(folder / "nowhere")
    (folder / "empty.pth").touch()
    (folder / "cut.safetensors").write_bytes((folder / "tower.safetensors").read_bytes()[:40])
    (folder / "lying.safetensors").write_bytes((2**60).to_bytes(8, "little") + b"{}")
    (folder / "text.bin").write_text("not weights")
    (folder / "broken.ckpt").write_bytes(b"PK\x03\x04" + b"\xff" * 100)
    for _ in range(2):
        assert auto_select.text_encoder_path(folders.AUTO, RELEASED) == str(folder / "tower.safetensors")
    messages = [record.getMessage() for record in caplog.records if "is left out" in record.getMessage()]
    for name in ("dangling", "empty", "cut", "lying", "text.bin", "broken"):
        assert sum(name in message.partition(" is left out")[0] for message in messages) == 1


def test_auto_survives_a_file_that_cannot_be_opened(write_file, monkeypatch):
    path = write_file("text_encoders", "tower.safetensors", TOWER)
    locked = write_file("text_encoders", "locked.safetensors", TOWER)
    real = auto_select.open_weights

    def open_weights(path):
        if path == locked:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(auto_select, "open_weights", open_weights)
    assert auto_select.text_encoder_path(folders.AUTO, RELEASED) == path
