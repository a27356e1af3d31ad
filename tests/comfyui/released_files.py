"""Files of random weights with the layout of the released files, at full size or narrow.

The released weights cannot be downloaded by the tests. A narrow network needs a config in its metadata, which only
safetensors files have.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from higen_core.models.clip import CLIP
from higen_core.models.config import (
    RELEASED,
    RELEASED_CLIP,
    RELEASED_VAE,
    CLIPConfig,
    TextConfig,
    UNetConfig,
    VAEConfig,
    VisionConfig,
)
from higen_core.models.unet import UNet
from higen_core.models.vae import VAE
from higen_core.weights.key_mapping import released_name

STD = 0.02
"""Standard deviation of all weights but those of norms. Activations neither vanish nor overflow with it."""


@dataclass(frozen=True)
class Sizes:
    """Configs of the three networks, and the names of their files: denoiser, text encoder, VAE."""

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
    """Writes the three files into the model folders that a user puts the released files into."""
    denoiser, text, vae = sizes.names
    files = (
        (models / "higen" / denoiser, tensors(lambda: UNet(sizes.unet), released_name), sizes.unet),
        (models / "text_encoders" / text, tensors(lambda: CLIP(sizes.clip), str), sizes.clip),
        (models / "checkpoints" / vae, tensors(lambda: VAE(sizes.vae), "first_stage_model.{}".format), sizes.vae),
    )
    for path, make, config in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_one(path, make(), config.to_dict())


def tensors(network: Callable[[], nn.Module], rename: Callable[[str], str]) -> Callable[[], dict[str, Tensor]]:
    """A function that makes random tensors with the names and shapes of a network, under new names."""

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
    """Whether a tensor is the weight of a normalization layer."""
    return len(shape) == 1 and name.endswith("weight")


def write_one(path: Path, content: dict[str, Tensor], config: dict) -> None:
    """Writes tensors in the format of the file name's suffix; only safetensors files get the config."""
    if path.suffix == ".safetensors":
        save_file(content, path, {"config": json.dumps(config)})
    elif path.suffix == ".ckpt":  # the text tower by which a checkpoint of Stable Diffusion 2.x is recognized
        tower = {"cond_stage_model.model.ln_final.weight": torch.ones(1024)}
        torch.save({"state_dict": content | tower, "global_step": 1}, path)
    elif path.suffix == ".pth":
        torch.save({"state_dict": content, "step": 1}, path)
    else:
        torch.save(content, path)
