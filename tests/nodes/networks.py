"""Files of small random networks, in the same format as the bundled weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.models.config import CLIPConfig, TextConfig, VisionConfig
from higen_pack.higen_core.weights.checkpoint import save_network
from torch import nn

TEXT_WIDTH = 32
UNET = hg.UNetConfig(
    in_dim=4,
    dim=32,
    y_dim=TEXT_WIDTH,
    context_dim=48,
    out_dim=4,
    dim_mult=(1, 2),
    num_heads=2,
    head_dim=16,
    num_res_blocks=1,
    attn_scales=(1.0, 0.5),
    context_embedding_depth=1,
    num_tokens=4,
)
CLIP = CLIPConfig(
    embed_dim=24,
    vision_cfg=VisionConfig(width=32, layers=1, image_size=32, patch_size=16, head_width=16),
    text_cfg=TextConfig(width=TEXT_WIDTH, layers=3, heads=2),
)
METADATA = {"width": 64, "height": 64, "frames": 16, "fps": 8, "vocabulary": ["a", "red", "panda", "on", "the"]}


def random_file(path: Path, kind: Callable[[Any], nn.Module], config: Any, **metadata) -> Path:
    """Writes `kind(config)` with random weights, the same in every test, to a file.

    Also the weights that are initialized to zero are random. The file is in fp16, like mini: ComfyUI keeps text
    encoders in fp16, so that its networks and those of the core have equal weights.
    """
    torch.manual_seed(2)
    network = kind(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_network(path, network, torch.float16, **metadata)
    return path
