"""Networks so small that a training step takes no time, for clips of 32x32 or 64x64 pixels, and short videos."""

from pathlib import Path

import torch

from higen_core.models.clip import CLIP
from higen_core.models.config import CLIPConfig, UNetConfig, VAEConfig
from higen_core.models.unet import UNet
from higen_core.models.vae import VAE
from higen_core.weights.checkpoint import save_network

from .. import videos

UNET = {
    "in_dim": 4,
    "dim": 32,
    "y_dim": 32,
    "context_dim": 32,
    "out_dim": 4,
    "dim_mult": [1, 1],
    "num_heads": 1,
    "head_dim": 32,
    "num_res_blocks": 1,
    "attn_scales": [1.0],
    "context_embedding_depth": 1,
    "num_tokens": 2,
}
VAE_SIZES = {"ch": 8, "ch_mult": [1, 1, 1, 1], "num_res_blocks": 1, "norm_groups": 4}
CLIP_SIZES = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "patch_size": 32, "width": 32, "layers": 1, "head_width": 16},
    "text_cfg": {"width": 32, "heads": 2, "layers": 2},
}


def networks(folder: Path) -> Path:
    """Random vae.safetensors and clip.safetensors, always the same."""
    torch.manual_seed(0)
    save_network(folder / "vae.safetensors", VAE(VAEConfig.from_dict(VAE_SIZES)))
    save_network(folder / "clip.safetensors", CLIP(CLIPConfig.from_dict(CLIP_SIZES)))
    return folder


def unet_config() -> UNetConfig:
    return UNetConfig.from_dict(UNET)


def denoiser(path: Path, **info) -> Path:
    torch.manual_seed(1)
    save_network(path, UNet(unet_config()), **info)
    return path


def trained_denoiser(path: Path, **info) -> Path:
    """Random weights without layers of zeros, as training leaves them: all layers have gradients."""
    torch.manual_seed(2)
    unet = UNet(unet_config())
    for weight in unet.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    save_network(path, unet, **info)
    return path


def toml(path: Path, network: dict | None = None, **options) -> Path:
    """Writes a file of options and, if there are any, of the network's sizes."""
    lines = [f"{name} = {_value(value)}" for name, value in options.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines + (_table("network", network) if network else [])) + "\n")
    return path


def _table(name: str, values: dict) -> list[str]:
    inner = {key: value for key, value in values.items() if isinstance(value, dict)}
    flat = [f"{key} = {_value(value)}" for key, value in values.items() if key not in inner]
    return [f"[{name}]", *flat, *(line for key in inner for line in _table(f"{name}.{key}", inner[key]))]


def _value(value) -> str:
    return f'"{value}"' if isinstance(value, str | Path) else str(value)


def film(path: Path, frames: int = 8, fps: int = 8, seed: int = 0) -> Path:
    """A soft texture that moves by a pixel a frame, 48x40 pixels, captioned with the file's name."""
    image = videos.textured(seed, 48)[:40]
    path.parent.mkdir(parents=True, exist_ok=True)
    videos.write(path, (image.roll(i, 1) for i in range(frames)), fps=fps)
    path.with_suffix(".txt").write_text(f"film {path.stem}")
    return path


def films(folder: Path) -> Path:
    """A folder of three videos of 20 frames."""
    for i, name in enumerate(("a", "b", "c")):
        film(folder / f"{name}.mp4", frames=20, seed=i)
    return folder
