"""Reading and writing networks: safetensors, with the config and whatever else a user must know in the metadata."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .config import RELEASED, RELEASED_CLIP, RELEASED_VAE, CLIPConfig, UNetConfig, VAEConfig
from .unet import UNet
from .vae import VAE

MINI_DIR = Path(__file__).parent / "mini"
RELEASED_INFO = {"frames": 32, "fps": 8, "width": 448, "height": 256, "motion_scale": 10_000}


def load_unet(source: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> UNet:
    """The denoiser in a safetensors file, or the bundled "mini".

    A file without `config` in its metadata is taken for the released full-size model. `info` of the result is the rest
    of the metadata: what the weights were trained on.
    """
    tensors, metadata = _read(source, "denoiser")
    config = metadata.pop("config", None)
    with torch.device("meta"):
        unet = UNet(UNetConfig.from_dict(config) if config else RELEASED)
    _fill(unet, from_released(tensors, unet), source, assumed=None if config else "the released HiGen denoiser")
    unet.info = RELEASED_INFO | metadata
    return unet.to(device, dtype).eval()


def load_vae(source: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> VAE:
    """The autoencoder in a safetensors file, or the bundled "mini". Without `config` it is Stable Diffusion's."""
    tensors, metadata = _read(source, "vae")
    config = metadata.get("config")
    prefix = "first_stage_model."
    if any(name.startswith(prefix) for name in tensors):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    with torch.device("meta"):
        vae = VAE(VAEConfig.from_dict(config) if config else RELEASED_VAE)
    _fill(vae, tensors, source, assumed=None if config else "Stable Diffusion's autoencoder")
    return vae.to(device, dtype).eval()


def load_clip(source: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"):
    """The text and image towers in a safetensors file, or the bundled "mini". Without `config` it is ViT-H-14."""
    from .text import CLIP

    tensors, metadata = _read(source, "clip")
    config = metadata.get("config")
    clip = CLIP(CLIPConfig.from_dict(config) if config else RELEASED_CLIP)
    _fill(clip, tensors, source, assumed=None if config else "OpenCLIP ViT-H-14")
    return clip.to(device, dtype).eval()


def _read(source: str | Path, network: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import safe_open

    path = MINI_DIR / f"{network}.safetensors" if source == "mini" else Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    with safe_open(path, "pt") as file:
        metadata = {key: _json(value) for key, value in (file.metadata() or {}).items()}
        return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value  # other writers keep plain text in metadata


def _fill(network: nn.Module, tensors: dict[str, Tensor], source: str | Path, assumed: str | None) -> None:
    """Loads strictly; on a mismatch the error names the first tensors that do not fit."""
    expected = network.state_dict()
    missing = [name for name in expected if name not in tensors]
    unexpected = [name for name in tensors if name not in expected]
    shapes = [n for n in expected if n in tensors and expected[n].shape != tensors[n].shape]
    if missing or unexpected or shapes:
        told = [
            f"missing {missing[0]} and {len(missing) - 1} more" if missing else "",
            f"unexpected {unexpected[0]} and {len(unexpected) - 1} more" if unexpected else "",
            *(f"{n} is {tuple(tensors[n].shape)}, not {tuple(expected[n].shape)}" for n in shapes[:1]),
        ]
        kind = f"its metadata has no config, so it was taken for {assumed}, but" if assumed else "its config says"
        raise ValueError(f"{source} does not fit: {kind} {'; '.join(filter(None, told))}")
    network.load_state_dict(tensors, assign=True)


def save_network(path: Path, network: nn.Module, dtype: torch.dtype = torch.float32, **info: Any) -> None:
    """Writes a network atomically, with `config` and each of `info` as JSON in the metadata."""
    from safetensors.torch import save_file

    metadata = {"config": network.config.to_dict(), **info}
    tensors = {name: value.detach().to(dtype).contiguous() for name, value in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, {key: json.dumps(value) for key, value in metadata.items()})
    os.replace(partial, path)


# Our name -> the released one, in this order.
_RENAMES = (
    (r"^embedding\.time\.", "time_embed."),
    (r"^embedding\.motion\.", "msim_embedding."),
    (r"^embedding\.appearance\.", "asim_embedding."),
    (r"^text_tokens\.blocks\.", "context_embedding.context_transformer."),
    (r"^text_tokens\.", "context_embedding."),
    (r"^down\.0\.0\.prior\.", "img_embedding."),
    (r"^down\.0\.0\.conv\.", "input_blocks.0.0."),
    (r"^(down\.\d+)\.0\.conv\.", r"\1.op."),
    (r"^down\.", "input_blocks."),
    (r"^middle\.", "middle_block."),
    (r"^up\.", "output_blocks."),
    (r"^norm_out\.", "out.0."),
    (r"^conv_out\.", "out.2."),
    (r"\.in_norm\.", ".in_layers.0."),
    (r"\.in_conv\.", ".in_layers.2."),
    (r"\.emb\.", ".emb_layers.1."),
    (r"\.out_norm\.", ".out_layers.0."),
    (r"\.out_conv\.", ".out_layers.3."),
    (r"\.skip\.", ".skip_connection."),
    (r"\.temporal\.norms\.(\d)\.", lambda m: f".temopral_conv.conv{int(m[1]) + 1}.0."),
    (r"\.temporal\.convs\.(\d)\.", lambda m: f".temopral_conv.conv{int(m[1]) + 1}.{2 if m[1] == '0' else 3}."),
    (r"\.block\.", ".transformer_blocks.0."),
    (r"\.(attn\d)\.([qkv])\.", r".\1.to_\2."),
    (r"\.(attn\d)\.out\.", r".\1.to_out.0."),
    (r"\.ff\.gate\.", ".ff.net.0.proj."),
    (r"\.ff\.out\.", ".ff.net.2."),
)


def released_name(name: str) -> str:
    """Name in the released checkpoint of a tensor of our `UNet`."""
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def from_released(tensors: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """A released state dict under the names of `network`; names that are not the network's stay as they are."""
    ours = {released_name(name): name for name in network.state_dict()}
    return {ours.get(name, name): tensor for name, tensor in tensors.items()}
