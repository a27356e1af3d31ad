"""Networks from files and into them: strict, and in little more memory than the network itself takes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .config import RELEASED, RELEASED_CLIP, RELEASED_VAE, CLIPConfig, UNetConfig, VAEConfig
from .files import Shapes, WeightsFile, open_weights
from .identify import VAE_PREFIX, seems
from .released import our_names
from .unet import UNet
from .vae import VAE

if TYPE_CHECKING:
    from .text import CLIP

MINI_DIR = Path(__file__).parent / "mini"
RELEASED_INFO = {"frames": 32, "fps": 8, "width": 448, "height": 256, "motion_scale": 10_000}


def load_unet(source: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> UNet:
    """The denoiser in a file, or the bundled "mini".

    A file without `config` in its metadata is taken for the released full-size model. `info` of the result is the rest
    of the metadata: what the weights were trained on.
    """
    file = open_weights(_path(source, "denoiser"))
    config = file.metadata.get("config")
    with torch.device("meta"):
        unet = UNet(UNetConfig.from_dict(config) if config else RELEASED)
    released = our_names(unet)
    names = {name: released.get(name, name) for name in file.shapes}
    _fill(unet, file, names, "the released HiGen denoiser", dtype, device)
    unet.info = RELEASED_INFO | {key: value for key, value in file.metadata.items() if key != "config"}
    return unet.eval()


def load_vae(source: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> VAE:
    """The autoencoder in a file, alone or in a whole checkpoint, or the bundled "mini".

    Without `config` in the metadata it is Stable Diffusion's.
    """
    file = open_weights(_path(source, "vae"))
    config = file.metadata.get("config")
    with torch.device("meta"):
        vae = VAE(VAEConfig.from_dict(config) if config else RELEASED_VAE)
    _fill(vae, file, vae_names(file.shapes), "Stable Diffusion's autoencoder", dtype, device)
    return vae.eval()


def load_clip(source: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> CLIP:
    """The text and image towers in a file, or the bundled "mini". Without `config` they are ViT-H-14's."""
    from .text import CLIP

    file = open_weights(_path(source, "clip"))
    config = file.metadata.get("config")
    with torch.device("meta"):
        clip = CLIP(CLIPConfig.from_dict(config) if config else RELEASED_CLIP)
    _fill(clip, file, {name: name for name in file.shapes}, "OpenCLIP ViT-H-14", dtype, device)
    length = clip.config.text_cfg.context_length  # the causal mask is the one buffer that files do not hold
    clip.model.attn_mask = torch.full((length, length), float("-inf"), dtype=dtype, device=device).triu_(1)
    return clip.eval()


def vae_names(shapes: Shapes) -> dict[str, str]:
    """Names in the file -> names in the autoencoder; of a whole checkpoint only its autoencoder is meant."""
    whole = {name: name.removeprefix(VAE_PREFIX) for name in shapes if name.startswith(VAE_PREFIX)}
    return whole or {name: name for name in shapes}


def _path(source: str | Path, network: str) -> Path:
    return MINI_DIR / f"{network}.safetensors" if source == "mini" else Path(source)


def _fill(
    network: nn.Module,
    file: WeightsFile,
    names: Mapping[str, str],
    default: str,
    dtype: torch.dtype,
    device: torch.device | str,
) -> None:
    """Gives a network on the meta device the tensors that `names` (theirs -> ours) picks from a file.

    Tensors that are in the file's dtype already stay mapped from it.
    """
    _check(network, file, names, default)
    tensors = {names[theirs]: tensor.to(device, dtype) for theirs, tensor in file.tensors(names)}
    network.load_state_dict(tensors, assign=True)


def _check(network: nn.Module, file: WeightsFile, names: Mapping[str, str], default: str) -> None:
    """Every tensor is there, nothing else is, and all shapes agree; else the error says what the file seems to be."""
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {ours: file.shapes[theirs] for theirs, ours in names.items()}
    missing = [name for name in expected if name not in found]
    unexpected = [theirs for theirs, ours in names.items() if ours not in expected]
    shapes = [name for name in expected if name in found and expected[name] != found[name]]
    if not (missing or unexpected or shapes):
        return
    told = [
        f"missing {missing[0]}{_and_more(missing)}" if missing else "",
        f"unexpected {unexpected[0]}{_and_more(unexpected)}" if unexpected else "",
        *(f"{name} is {found[name]}, not {expected[name]}" for name in shapes[:1]),
    ]
    kind = "its metadata has a config" if "config" in file.metadata else f"without config it was taken for {default}"
    raise ValueError(
        f"{file.path} does not fit: it seems to be {seems(file.shapes)}; {kind}, but {'; '.join(filter(None, told))}"
    )


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def save_network(path: Path, network: UNet | VAE | CLIP, dtype: torch.dtype = torch.float32, **info: Any) -> None:
    """Writes a network atomically, with `config` and each of `info` as JSON in the metadata."""
    from safetensors.torch import save_file

    metadata = {"config": network.config.to_dict(), **info}
    tensors = {name: value.detach().to(dtype).contiguous() for name, value in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, {key: json.dumps(value) for key, value in metadata.items()})
    os.replace(partial, path)
