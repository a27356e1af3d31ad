"""Loads networks from files and saves them. Loading is strict and needs little more memory than the network itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import torch
from torch import Tensor

from ..aliases import ALIASES
from ..models.config import RELEASED, RELEASED_CLIP, RELEASED_VAE, CLIPConfig, UNetConfig, VAEConfig
from ..models.info import ModelInfo
from ..models.network import Network
from ..models.unet import UNet
from ..models.vae import VAE
from .detection import VAE_PREFIX, describe_checkpoint, networks_in
from .files import Shapes, WeightsFile, open_weights
from .key_mapping import released_to_unet_names

if TYPE_CHECKING:
    from ..models.clip import CLIP

AnyNetwork = TypeVar("AnyNetwork", bound=Network)
AnyUNet = TypeVar("AnyUNet", bound=UNet)
AnyConfig = TypeVar("AnyConfig", UNetConfig, VAEConfig, CLIPConfig)
NETWORKS = {UNetConfig: "denoiser", VAEConfig: "vae", CLIPConfig: "clip"}
OF_NETWORK = {
    "denoiser": "a HiGen denoiser",
    "vae": "an autoencoder (VAE)",
    "clip": "an OpenCLIP model (text and image towers)",
}
"""What each network is called in error messages."""
MINI_DIR = Path(__file__).parents[1] / "mini"
MINI_METADATA = {"denoiser": ("sampling", "prompts", "motion_response", "schedules"), "vae": ("pictures",)}
"""Metadata of mini's networks that is in files beside them, such as sampling.json, unless theirs have the key."""


def load_unet(
    source: str | Path,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    build: Callable[[UNetConfig], AnyUNet] = UNet,
) -> AnyUNet:
    """Loads a denoiser for inference: in eval mode, without gradients.

    Args:
        source: a file with tensor names of the released checkpoint or of this package, or "mini", the bundled weights.
            Without a `config` in its metadata it is taken for the released full-size model.
        dtype: precision of the weights, whatever that of the file is.
        device: where the weights go.
        build: makes the network of a config; a host may give one with layers of its own (see `UNet`).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or its tensors or its metadata are not those of the network.
    """
    file = open_weights(_path(source, "denoiser"))
    config = read_config(file, UNetConfig, RELEASED)
    with _empty(file):
        unet, plain = build(config), UNet(config)  # layers of a host may have no tensors before they are loaded
    names = unet_names(plain, file.shapes)
    return _load(unet, file, names, "the released HiGen denoiser", dtype, device, plain)


def load_vae(source: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> VAE:
    """Loads an autoencoder for inference: in eval mode, without gradients.

    Args:
        source: a file of the autoencoder alone or a whole checkpoint of Stable Diffusion, or "mini", the bundled
            weights. Without a `config` in its metadata it is taken for Stable Diffusion's autoencoder.
        dtype, device: see `load_unet`, also for the errors.
    """
    file = open_weights(_path(source, "vae"))
    with _empty(file):
        vae = VAE(read_config(file, VAEConfig, RELEASED_VAE))
    return _load(vae, file, vae_names(file.shapes), "Stable Diffusion's autoencoder", dtype, device)


def load_clip(source: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> CLIP:
    """Loads the text and image towers for inference: in eval mode, without gradients.

    Args:
        source: a file of OpenCLIP, or "mini", the bundled weights. Without a `config` in its metadata it is taken for
            ViT-H-14.
        dtype, device: see `load_unet`, also for the errors.
    """
    from ..models.clip import CLIP

    file = open_weights(_path(source, "clip"))
    with _empty(file):
        clip = CLIP(read_config(file, CLIPConfig, RELEASED_CLIP))
    _load(clip, file, {name: name for name in file.shapes}, "OpenCLIP ViT-H-14", dtype, device)
    length = clip.config.text_cfg.context_length  # the causal mask is a buffer that is not in the file
    clip.model.attn_mask = torch.full((length, length), float("-inf"), dtype=dtype, device=device).triu_(1)
    return clip


def unet_names(unet: UNet, shapes: Shapes) -> dict[str, str]:
    """Maps tensor names of a file, of the released checkpoint or of any version of this package, to those of `UNet`."""
    released = released_to_unet_names(unet)
    return {name: released.get(name, _current_name(name)) for name in shapes}


def _current_name(name: str) -> str:
    module, dot, rest = name.partition(".")
    return ALIASES.get(module, module) + dot + rest


def vae_names(shapes: Shapes) -> dict[str, str]:
    """Maps tensor names of a file to those of `VAE`; of a whole checkpoint, only those of its autoencoder."""
    prefixed = {name: name.removeprefix(VAE_PREFIX) for name in shapes if name.startswith(VAE_PREFIX)}
    return prefixed or {name: name for name in shapes}


def _path(source: str | Path, network: str) -> Path:
    return MINI_DIR / f"{network}.safetensors" if source == "mini" else Path(source)


@contextmanager
def _empty(file: WeightsFile) -> Iterator[None]:
    """Networks that are made within have no memory; sizes that contradict each other become a ValueError."""
    try:
        with torch.device("meta"):
            yield
    except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if str(file.path) in str(error):
            raise
        raise ValueError(f"{file.path}: the sizes in its config do not make a network: {error}") from error


def read_config(file: WeightsFile, kind: type[AnyConfig], released: AnyConfig) -> AnyConfig:
    """The sizes in the metadata of a file, `released` if it states none.

    Raises:
        ValueError: sizes that no network has, or those of another network of HiGen; the message names the file.
    """
    if "config" not in file.metadata:
        return released
    values = file.metadata["config"]
    if not isinstance(values, dict):
        raise ValueError(f"{file.path}: config in its metadata must be a JSON object, got {short_repr(values)}")
    content = describe_checkpoint(file.shapes)
    if NETWORKS[kind] not in networks_in(file.shapes) and networks_in(file.shapes):
        raise ValueError(f"{file.path} is {content}, not {OF_NETWORK[NETWORKS[kind]]}: choose another file")
    try:
        return kind.from_dict(values)
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from error


def read_unet_config(source: str | Path) -> UNetConfig:
    """The sizes of a denoiser, without its tensors; see `load_unet`."""
    return read_config(open_weights(_path(source, "denoiser")), UNetConfig, RELEASED)


def read_vae_config(source: str | Path) -> VAEConfig:
    """The sizes of an autoencoder, without its tensors; see `load_vae`."""
    return read_config(open_weights(_path(source, "vae")), VAEConfig, RELEASED_VAE)


def read_clip_config(source: str | Path) -> CLIPConfig:
    """The sizes of the towers, without their tensors; see `load_clip`."""
    return read_config(open_weights(_path(source, "clip")), CLIPConfig, RELEASED_CLIP)


def read_info(source: str | Path) -> ModelInfo:
    """What a denoiser was trained on, and how it is best sampled, without its tensors; see `load_unet`."""
    return _info(open_weights(_path(source, "denoiser")))


def metadata_of(file: WeightsFile) -> dict[str, Any]:
    """The metadata of a file, with that of MINI_METADATA for mini's."""
    keys = MINI_METADATA.get(file.path.stem, ()) if file.path.parent == MINI_DIR else ()
    return {key: json.loads((MINI_DIR / f"{key}.json").read_text(encoding="utf-8")) for key in keys} | file.metadata


def _info(file: WeightsFile) -> ModelInfo:
    try:
        return ModelInfo.from_metadata(metadata_of(file))
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from error


def _load(
    network: AnyNetwork,
    file: WeightsFile,
    names: Mapping[str, str],
    default: str,
    dtype: torch.dtype,
    device: torch.device | str,
    plain: Network | None = None,
) -> AnyNetwork:
    """Gives a network on the meta device its tensors and its `info`.

    They are copies: a network whose weights were mapped from the file would change or crash with it.

    Args:
        names: names in the file -> names in the network.
        default: what a file without a config is taken for, for error messages.
        plain: a network that has the same tensors, by default the network itself.
    """
    _check(plain or network, file, names, default)
    network.info = _info(file)
    tensors = {names[name]: tensor.to(device, dtype, copy=True) for name, tensor in file.tensors(names)}
    network.load_state_dict(tensors, assign=True)
    return network.eval().requires_grad_(False)


def _check(network: Network, file: WeightsFile, names: Mapping[str, str], default: str) -> None:
    """Raises ValueError unless the file has exactly the tensors of the network, with the same shapes."""
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    shapes = {names[name]: file.shapes[name] for name in names}
    missing = [name for name in expected if name not in shapes]
    unexpected = [name for name in names if names[name] not in expected]
    reshaped = [name for name in expected if name in shapes and expected[name] != shapes[name]]
    problems = [
        *(f"missing {name}{_and_more(missing)}" for name in missing[:1]),
        *(f"unexpected {name}{_and_more(unexpected)}" for name in unexpected[:1]),
        *(f"{name} is {shapes[name]}, not {expected[name]}" for name in reshaped[:1]),
    ]
    if problems:
        origin = (
            "its metadata has a config" if "config" in file.metadata else f"without config it is taken for {default}"
        )
        raise ValueError(
            f"{file.path} does not fit: it looks like {describe_checkpoint(file.shapes)}; {origin}, "
            f"but {'; '.join(problems)}"
        )


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def save_network(
    path: Path, network: UNet | VAE | CLIP, dtype: torch.dtype = torch.float32, /, **metadata: Any
) -> None:
    """Writes a network to a safetensors file, with its config and `metadata` as JSON.

    It is written under a temporary name that no other process uses and then renamed, so that no reader finds an
    incomplete file.

    Args:
        path: of the file; missing folders are created.
        network: the network.
        dtype: precision of the tensors in the file.
        metadata: JSON values by key, such as those of `ModelInfo.to_metadata`.

    Raises:
        OSError: it cannot be written; the message names it.
    """
    tensors = {name: value.detach().to(dtype) for name, value in network.state_dict().items()}
    write_tensors(path, tensors, {**metadata, "config": network.config.to_dict()})


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Writes tensors and JSON values to a safetensors file; see `save_network` for how, and for errors."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    texts = {key: json.dumps(value) for key, value in metadata.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{uuid4().hex}.partial")
    try:
        save_file({name: value.detach().contiguous() for name, value in tensors.items()}, temporary, texts)
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        raise not_written(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def not_written(path: Path, error: Exception) -> OSError:
    """The error of a file that cannot be written, most often since the disk is full."""
    reason = str(error).partition("\n")[0]
    free = shutil.disk_usage(path.parent).free / 1e6
    return OSError(
        f"{path} cannot be written: {reason}. {free:,.0f} MB are free in its folder: make room there, and start again. "
        "What was there before is kept"
    )
