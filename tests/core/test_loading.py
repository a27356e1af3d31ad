"""Files as people have them: every format, wrong files, torn files, files with code in them."""

import json
import pickle
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from higen_core import files
from higen_core.checkpoint import load_clip, load_unet, load_vae
from higen_core.config import CLIPConfig, UNetConfig, VAEConfig
from higen_core.identify import seems

from . import golden


@pytest.fixture(scope="module")
def vae_tensors():
    """Small random weights in the layout of Stable Diffusion's autoencoder, which needs a config to be loaded."""
    return golden.cases("vae_small_weights")


def write(path, tensors, config=None):
    """In the format that the name says."""
    if path.suffix == ".safetensors":
        save_file(tensors, path, {"config": json.dumps(config)} if config else None)
    else:
        torch.save(tensors, path)
    return path


FORMATS = {
    "bare.pth": lambda tensors: tensors,
    "nested.bin": lambda tensors: {"state_dict": tensors, "step": 7},
    "lightning.ckpt": lambda tensors: {"state_dict": tensors, "global_step": 7, "epoch": 1, "callbacks": None},
    "plain.safetensors": lambda tensors: tensors,
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_and_precision_is_read(tmp_path, name, dtype, vae_tensors):
    tensors = {key: value.to(dtype) for key, value in vae_tensors.items()}
    file = files.open_weights(write(tmp_path / name, FORMATS[name](tensors)))
    assert file.shapes == {key: tuple(value.shape) for key, value in tensors.items()}
    assert all(torch.equal(value, tensors[key]) for key, value in file.tensors(file.shapes))


def test_a_pickle_of_before_torch_1_6_is_read(tmp_path, vae_tensors):
    torch.save({"state_dict": vae_tensors}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    file = files.open_weights(tmp_path / "old.pth")
    assert file.format == "pickle"
    assert all(torch.equal(value, vae_tensors[key]) for key, value in file.tensors(file.shapes))


def test_the_content_decides_not_the_name(tmp_path, vae_tensors):
    path = write(tmp_path / "vae.safetensors", vae_tensors).rename(tmp_path / "vae.ckpt")
    assert files.open_weights(path).format == "safetensors"


def test_a_file_is_mapped_in_slabs_and_each_tensor_comes_once(tmp_path, vae_tensors, monkeypatch):
    monkeypatch.setattr(files, "SLAB", 10_000)
    for name in ("vae.pth", "vae.safetensors"):
        file = files.open_weights(write(tmp_path / name, vae_tensors))
        read = list(file.tensors(file.shapes))
        assert sorted(key for key, _ in read) == sorted(vae_tensors)
        assert len({tensor.untyped_storage()._cdata for _, tensor in read}) > 1
        assert all(torch.equal(value, vae_tensors[key]) for key, value in read)


@pytest.mark.parametrize("network", ["unet", "vae", "clip"])
def test_the_released_layout_gives_the_released_network(tmp_path, network):
    """The golden weights have released names; a config and a plain torch.save of the same lead to the same tensors."""
    path = golden.path(f"{network}_small_weights")
    load = {"unet": load_unet, "vae": load_vae, "clip": load_clip}[network]
    loaded = load(path)
    assert not any(t.is_meta for t in (*loaded.parameters(), *loaded.buffers()))
    again = write(tmp_path / "again.safetensors", dict(loaded.state_dict()), loaded.config.to_dict())
    assert all(
        torch.equal(a, b) for a, b in zip(loaded.state_dict().values(), load(again).state_dict().values(), strict=True)
    )


def test_the_autoencoder_of_a_whole_checkpoint_is_found(tmp_path, vae_tensors):
    whole = {f"first_stage_model.{name}": value for name, value in vae_tensors.items()}
    whole["model.diffusion_model.input_blocks.0.0.weight"] = torch.zeros(1)
    path = write(tmp_path / "sd.safetensors", whole, golden.metadata("vae_small_weights")["config"])
    assert torch.equal(load_vae(path).post_quant_conv.weight, vae_tensors["post_quant_conv.weight"].float())


class Code:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (self.target.touch, ())


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
def test_a_pickle_with_code_is_refused_and_the_code_does_not_run(tmp_path, zipped):
    ran = tmp_path / "ran"
    torch.save({"x": Code(ran)}, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"evil.pth is refused: it is a pickle that asks to run code \(.+\)"):
        load_unet(tmp_path / "evil.pth")
    (tmp_path / "raw.bin").write_bytes(pickle.dumps(Code(ran)))
    with pytest.raises(ValueError, match="raw.bin is"):
        load_unet(tmp_path / "raw.bin")
    assert not ran.exists()


def test_what_lightning_leaves_beside_the_tensors_is_harmless(tmp_path, vae_tensors, monkeypatch):
    """Checkpoints of Stable Diffusion name classes of Lightning and NumPy; stand-ins of ours take their places."""
    module = ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})
    content = {"state_dict": vae_tensors, "callbacks": {module.ModelCheckpoint: {"best": np.float64(0.5)}}}
    with monkeypatch.context() as while_saving:
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", module.__name__):
            while_saving.setitem(sys.modules, name, module)
        torch.save(content, tmp_path / "sd.ckpt")
    assert files.open_weights(tmp_path / "sd.ckpt").shapes.keys() == vae_tensors.keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>Sign in</html>", "a web page, not weights: the download went wrong"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5926371285\n", "a Git LFS pointer"),
        (b"\x00\x01 something else", "not a file of weights"),
    ],
)
def test_what_is_no_set_of_weights_is_named(tmp_path, content, message):
    (tmp_path / "HiGen.pth").write_bytes(content)
    with pytest.raises(ValueError, match=f"HiGen.pth is {message}"):
        load_unet(tmp_path / "HiGen.pth")


@pytest.mark.parametrize("name", ["vae.pth", "vae.safetensors"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_download_is_named(tmp_path, vae_tensors, name, share):
    path = write(tmp_path / name, vae_tensors)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=f"{name} is cut off or damaged .* MB are here.: download it again"):
        load_vae(path)


def test_a_truncated_old_pickle_is_named(tmp_path, vae_tensors):
    torch.save(vae_tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "old.pth").read_bytes()
    for share in (0.001, 0.5):
        (tmp_path / "old.pth").write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError, match="old.pth is (cut off or )?damaged"):
            load_vae(tmp_path / "old.pth")


KINDS = {
    "a plain text-to-video network of VGen's": [
        "fps_embedding.0.weight",
        "input_blocks.1.0.temopral_conv.conv1.0.weight",
    ],
    "I2VGen-XL": ["input_blocks.1.0.temopral_conv.conv1.0.weight", "local_image_concat.0.weight"],
    "a checkpoint of Stable Diffusion 1.x": [
        "model.diffusion_model.input_blocks.0.0.weight",
        "first_stage_model.decoder.conv_in.weight",
        "cond_stage_model.transformer.text_model.final_layer_norm.weight",
    ],
    "a checkpoint of Stable Diffusion XL": [
        "model.diffusion_model.input_blocks.0.0.weight",
        "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight",
    ],
    "an OpenCLIP model": ["positional_embedding", "visual.conv1.weight", "ln_final.weight"],
    "a CLIP text encoder": ["text_model.embeddings.token_embedding.weight"],
    "a T5 text encoder": ["encoder.block.0.layer.0.SelfAttention.q.weight"],
    "a LoRA": ["lora_unet_down_blocks_0.lora_up.weight", "lora_unet_down_blocks_0.alpha"],
    "a network in the layout of Diffusers": ["down_blocks.0.resnets.0.conv1.weight"],
    "a network of an unknown kind .2 tensors, the first is some.weight.": ["some.weight", "other.weight"],
    "a file without tensors": [],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_file_is_named_with_the_first_tensors_that_do_not_fit(tmp_path, kind):
    path = write(tmp_path / "model.pth", {name: torch.zeros(1) for name in KINDS[kind]})
    missing = r"missing embedding\.time\.0\.weight and \d+ more"
    unexpected = f".*unexpected {KINDS[kind][-1] if kind == 'I2VGen-XL' else ''}" if KINDS[kind] else ""
    with pytest.raises(ValueError, match=f"model.pth does not fit: it seems to be {kind}.*{missing}{unexpected}"):
        load_unet(path)


def test_a_text_encoder_is_no_autoencoder_and_the_reverse():
    """What the three released files are called when they are mistaken for one another."""
    shapes = {name: {key: () for key in golden.manifest(name)} for name in ("unet", "vae", "clip")}
    assert [seems(shapes[name]) for name in ("unet", "vae", "clip")] == [
        "a HiGen denoiser",
        "an autoencoder (VAE)",
        "an OpenCLIP model (text and image towers)",
    ]


def test_an_incomplete_denoiser_names_the_hole(tmp_path):
    tensors = golden.cases("unet_small_weights")
    tensors["out.2.weight"] = tensors["out.2.weight"][:2]
    config = golden.metadata("unet_small_weights")["config"]
    path = write(tmp_path / "cut.safetensors", tensors, config)
    with pytest.raises(ValueError, match=r"a HiGen denoiser; .* conv_out.weight is \(2, .*\), not \(4, "):
        load_unet(path)
    del tensors["out.2.weight"]
    with pytest.raises(ValueError, match=r"a HiGen denoiser; .* missing conv_out.weight$"):
        load_unet(write(tmp_path / "cut.safetensors", tensors, config))


def test_configs_are_those_of_the_golden_files():
    for kind, config in (("unet", UNetConfig), ("vae", VAEConfig), ("clip", CLIPConfig)):
        config.from_dict(golden.metadata(f"{kind}_small_weights")["config"])
