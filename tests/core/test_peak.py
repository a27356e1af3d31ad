"""Loading needs little more memory than the network and reads the file once, measured through Linux's /proc."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from higen_core.models.config import RELEASED, RELEASED_VAE
from higen_core.models.unet import UNet
from higen_core.models.vae import VAE
from higen_core.weights.checkpoint import load_unet
from higen_core.weights.conversion import convert
from higen_core.weights.key_mapping import released_name

from ..comfyui.released_files import tensors
from . import golden

MB, GB = 2**20, 2**30
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux's /proc")

PROBE = """
import re, sys, torch
import higen_core as hg
from higen_core.weights import files
import higen_core.models.unet, safetensors
network, path, files.CHUNK_SIZE = sys.argv[1], sys.argv[2], int(sys.argv[3])
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
def read():
    return int(re.search(r"^read_bytes: (\\d+)", open("/proc/self/io").read(), re.MULTILINE)[1])
before, start = peak(), read()
loaded = getattr(hg, f"load_{network}")(path, dtype=torch.bfloat16)
print(before, peak(), read() - start)
"""


def peak_of_loading(network, path, chunk_size):
    """Peak memory of a process in bytes before and after it loads a file into bf16, and the bytes read from disk."""
    command = [sys.executable, "-c", PROBE, network, str(path), str(chunk_size)]
    result = subprocess.run(command, cwd=golden.FOLDER.parents[1], capture_output=True, text=True, check=True)
    before, after, read = map(int, result.stdout.split())
    return before, after, read


def drop_from_page_cache(path):
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.medium
@pytest.mark.parametrize("name", ["vae.pth", "vae.safetensors"])
def test_a_network_is_loaded_in_chunks(tmp_path, name):
    """The autoencoder has 335 MB in fp32 and 167 MB in bf16; half of the file at a time would exceed the bound."""
    from safetensors.torch import save_file

    content = tensors(lambda: VAE(RELEASED_VAE), str)()
    (torch.save if name.endswith("pth") else save_file)(content, tmp_path / name)
    size = sum(tensor.numel() for tensor in content.values())
    drop_from_page_cache(tmp_path / name)
    before, after, read = peak_of_loading("vae", tmp_path / name, chunk_size=4 * MB)
    assert after - before < 2 * size + 100 * MB
    if not read:
        pytest.skip("this file system keeps its files in memory")
    assert 4 * size <= read < 1.05 * 4 * size


@pytest.mark.slow
def test_the_full_denoiser_loads_in_little_memory_and_its_converted_file_in_little_time(tmp_path, capsys):
    content = {"state_dict": tensors(lambda: UNet(RELEASED), released_name)(), "step": 1}
    torch.save(content, tmp_path / "higen.pth")
    size = sum(tensor.numel() for tensor in content.pop("state_dict").values())
    before, after, _ = peak_of_loading("unet", tmp_path / "higen.pth", chunk_size=2**27)
    assert after < 2 * size + 1.5 * GB
    (converted,) = convert(tmp_path / "higen.pth", "bf16")
    load_unet(converted, dtype=torch.bfloat16)  # reads the file into the page cache
    start = time.monotonic()
    from_converted = load_unet(converted, dtype=torch.bfloat16)
    seconds = time.monotonic() - start
    with capsys.disabled():
        print(f"\nfull denoiser into bf16: peak {after / GB:.2f} GB; converted: {seconds:.1f} s")
    assert seconds < 3
    from_source = load_unet(tmp_path / "higen.pth", dtype=torch.bfloat16)
    assert all(torch.equal(a, b) for a, b in zip(from_source.parameters(), from_converted.parameters(), strict=True))
