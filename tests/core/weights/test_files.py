"""Reading files of every format; damaged files, files of something else and pickles with code are refused."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pytest
import torch

from higen_core.weights import files

from .writing import write

CONTENTS = {
    "bare.pth": lambda tensors: tensors,
    "nested.bin": lambda tensors: {"state_dict": tensors, "step": 7},
    "lightning.ckpt": lambda tensors: {"state_dict": tensors, "global_step": 7, "epoch": 1, "callbacks": None},
    "plain.safetensors": lambda tensors: tensors,
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", CONTENTS)
def test_every_format_and_precision_is_read(tmp_path, name, dtype, vae_tensors):
    tensors = {key: value.to(dtype) for key, value in vae_tensors.items()}
    file = files.open_weights(write(tmp_path / name, CONTENTS[name](tensors)))
    assert file.shapes == {key: tuple(value.shape) for key, value in tensors.items()}
    assert all(torch.equal(value, tensors[key]) for key, value in file.tensors(file.shapes))


def test_a_pickle_of_torch_before_1_6_is_read(tmp_path, vae_tensors):
    torch.save({"state_dict": vae_tensors}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    file = files.open_weights(tmp_path / "old.pth")
    assert file.format == "pickle"
    assert all(torch.equal(value, vae_tensors[key]) for key, value in file.tensors(file.shapes))


def test_a_damaged_name_in_a_pickle_is_told_with_the_file(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "old.pth").read_bytes()
    (tmp_path / "old.pth").write_bytes(content.replace(b"weight", b"we\xb4ght"))
    with pytest.raises(ValueError, match="old.pth is damaged or does not contain tensors: 'utf-8' codec"):
        files.open_weights(tmp_path / "old.pth")


def test_tensors_under_keys_that_are_no_names_are_left_out(tmp_path):
    torch.save({"weight": torch.zeros(1), 7: torch.zeros(2), None: torch.zeros(3)}, tmp_path / "odd.pth")
    assert files.open_weights(tmp_path / "odd.pth").shapes == {"weight": (1,)}


def test_the_format_is_detected_from_the_content(tmp_path, vae_tensors):
    path = write(tmp_path / "vae.safetensors", vae_tensors).rename(tmp_path / "vae.ckpt")
    assert files.open_weights(path).format == "safetensors"


def test_metadata_is_json_or_plain_text(tmp_path):
    tensors = {"weight": torch.zeros(1)}
    path = write(tmp_path / "a.safetensors", tensors, steps=7, vocabulary=["a", "cat"])
    assert files.open_weights(path).metadata == {"steps": 7, "vocabulary": ["a", "cat"]}
    foreign = tmp_path / "b.safetensors"
    foreign.write_bytes(path.read_bytes().replace(b'"7"', b'"v"'))
    assert files.open_weights(foreign).metadata["steps"] == "v"


@pytest.mark.parametrize("name", ["vae.pth", "vae.safetensors"])
def test_a_file_is_mapped_in_chunks_and_each_tensor_is_read_once(tmp_path, vae_tensors, monkeypatch, name):
    monkeypatch.setattr(files, "CHUNK_SIZE", 10_000)
    file = files.open_weights(write(tmp_path / name, vae_tensors))
    tensors = list(file.tensors(file.shapes))
    assert sorted(key for key, _ in tensors) == sorted(vae_tensors)
    assert len({tensor.untyped_storage()._cdata for _, tensor in tensors}) > 1
    assert all(torch.equal(value, vae_tensors[key]) for key, value in tensors)


def test_classes_of_lightning_and_numpy_in_a_checkpoint_are_ignored(tmp_path, vae_tensors, monkeypatch):
    """Checkpoints of Stable Diffusion refer to them; placeholders are loaded instead."""
    module = ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})
    content = {"state_dict": vae_tensors, "callbacks": {module.ModelCheckpoint: {"best": np.float64(0.5)}}}
    with monkeypatch.context() as while_saving:
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", module.__name__):
            while_saving.setitem(sys.modules, name, module)
        torch.save(content, tmp_path / "sd.ckpt")
    assert files.open_weights(tmp_path / "sd.ckpt").shapes.keys() == vae_tensors.keys()


def test_pickles_are_read_in_several_threads(tmp_path, vae_tensors):
    """What a pickle may contain is a setting of the process, which no thread may take from another."""
    for i in range(8):
        torch.save(vae_tensors | {"best": np.float64(0.5)}, tmp_path / f"{i}.ckpt")
    with ThreadPoolExecutor(4) as pool:
        shapes = list(pool.map(lambda i: files.open_weights(tmp_path / f"{i % 8}.ckpt").shapes, range(64)))
    assert all(found.keys() == vae_tensors.keys() for found in shapes)


class TouchesFile:
    """Unpickling an instance creates the file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (self.path.touch, ())


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "pickle"])
def test_a_pickle_with_code_is_refused_and_the_code_does_not_run(tmp_path, zipped):
    touched = tmp_path / "touched"
    torch.save({"x": TouchesFile(touched)}, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"evil.pth is refused: it is a pickle that would run code \(.+\)"):
        files.open_weights(tmp_path / "evil.pth")
    (tmp_path / "raw.bin").write_bytes(pickle.dumps(TouchesFile(touched)))
    with pytest.raises(ValueError, match="raw.bin is"):
        files.open_weights(tmp_path / "raw.bin")
    assert not touched.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>Sign in</html>", "a web page, not weights: the download went wrong"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5926371285\n", "a Git LFS pointer"),
        (b"\x00\x01 something else", "not a file of weights"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, content, message):
    (tmp_path / "HiGen.pth").write_bytes(content)
    with pytest.raises(ValueError, match=f"HiGen.pth is {message}"):
        files.open_weights(tmp_path / "HiGen.pth")


@pytest.mark.parametrize("name", ["vae.pth", "vae.safetensors"])
@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_a_truncated_download_is_refused(tmp_path, vae_tensors, name, fraction):
    path = write(tmp_path / name, vae_tensors)
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(ValueError, match=rf"{name} is truncated or damaged \(its size is .* MB\): download it again"):
        files.open_weights(path)


@pytest.mark.parametrize("fraction", [0.001, 0.5])
def test_a_truncated_pickle_of_torch_before_1_6_is_refused(tmp_path, vae_tensors, fraction):
    path = tmp_path / "old.pth"
    torch.save(vae_tensors, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(ValueError, match="old.pth is (truncated or )?damaged"):
        files.open_weights(path)


@pytest.mark.parametrize("new_format", [True, False])
def test_a_file_of_torch_under_the_name_of_safetensors_is_read(tmp_path, vae_tensors, new_format):
    path = tmp_path / "vae.safetensors"
    torch.save(vae_tensors, tmp_path / "vae.pth", _use_new_zipfile_serialization=new_format)
    (tmp_path / "vae.pth").rename(path)
    file = files.open_weights(path)
    assert all(torch.equal(value, vae_tensors[key]) for key, value in file.tensors(file.shapes))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_a_tensor_that_is_no_number_is_named(tmp_path, name, value, dtype):
    broken = torch.zeros(4, 4, dtype=dtype)
    broken[1, 2] = value
    file = files.open_weights(write(tmp_path / name, {"weight": broken, "bias": torch.zeros(4)}))
    with pytest.raises(ValueError, match=rf"{name}: tensor weight has NaN or infinite values"):
        list(file.tensors(file.shapes))


def test_a_causal_mask_may_be_infinite(tmp_path):
    mask = torch.full((4, 4), -torch.inf).triu_(1)
    file = files.open_weights(write(tmp_path / "a.safetensors", {"attn_mask": mask}))
    assert torch.equal(dict(file.tensors(["attn_mask"]))["attn_mask"], mask)
