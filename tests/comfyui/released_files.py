"""Random weights in files of exactly the released layout, at full size or narrow: the real ones cannot be downloaded.

A narrow network needs its config beside it, which only safetensors can carry.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from higen_core.config import (
    RELEASED,
    RELEASED_CLIP,
    RELEASED_VAE,
    CLIPConfig,
    TextConfig,
    UNetConfig,
    VAEConfig,
    VisionConfig,
)
from higen_core.released import released_name
from higen_core.text import CLIP
from higen_core.unet import UNet
from higen_core.vae import VAE

STD = 0.02  # of every weight but those of norms: activations neither vanish nor overflow


@dataclass(frozen=True)
class Sizes:
    """The three networks' configs, and the names of their files."""

    unet: UNetConfig
    clip: CLIPConfig
    vae: VAEConfig
    names: tuple[str, str, str]


FULL = Sizes(
    RELEASED,
    RELEASED_CLIP,
    RELEASED_VAE,
    ("cvpr2024.t2v.e003_8card_ema.ema_0725000.pth", "open_clip_pytorch_model.bin", "v2-1_512-ema-pruned.ckpt"),
)
NARROW = Sizes(
    replace(RELEASED, dim=32, y_dim=32, context_dim=64, head_dim=8, num_heads=8),
    CLIPConfig(
        embed_dim=32,
        vision_cfg=VisionConfig(width=32, layers=1, image_size=32, patch_size=16, head_width=16),
        text_cfg=TextConfig(width=32, layers=4, heads=2),
    ),
    VAEConfig(ch=32, ch_mult=(1, 1, 2, 2), num_res_blocks=1),
    ("higen.safetensors", "open_clip.safetensors", "vae.safetensors"),
)


def write(sizes: Sizes, models: Path) -> None:
    """Puts the three files into the folders where a user puts the downloads."""
    denoiser, text, vae = sizes.names
    pairs = (
        (models / "higen" / denoiser, tensors(lambda: UNet(sizes.unet), released_name), sizes.unet),
        (models / "text_encoders" / text, tensors(lambda: CLIP(sizes.clip), str), sizes.clip),
        (models / "checkpoints" / vae, tensors(lambda: VAE(sizes.vae), "first_stage_model.{}".format), sizes.vae),
    )
    for path, make, config in pairs:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_one(path, make(), config.to_dict())


def tensors(network: Callable[[], nn.Module], rename: Callable[[str], str]) -> Callable[[], dict[str, Tensor]]:
    def make() -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        with torch.device("meta"):
            shapes = {name: tensor.shape for name, tensor in network().state_dict().items()}
        return {
            rename(name): torch.ones(shape) if is_norm(name, shape) else STD * torch.randn(shape, generator=generator)
            for name, shape in shapes.items()
        }

    return make


def is_norm(name: str, shape: torch.Size) -> bool:
    return len(shape) == 1 and name.endswith("weight")


def write_one(path: Path, content: dict[str, Tensor], config: dict) -> None:
    if path.suffix == ".safetensors":
        save_file(content, path, {"config": json.dumps(config)})
    elif path.suffix == ".ckpt":  # what marks a whole checkpoint as one of Stable Diffusion 2.x
        tower = {"cond_stage_model.model.ln_final.weight": torch.ones(1024)}
        torch.save({"state_dict": content | tower, "global_step": 1}, path)
    elif path.suffix == ".pth":
        torch.save({"state_dict": content, "step": 1}, path)
    else:
        torch.save(content, path)
