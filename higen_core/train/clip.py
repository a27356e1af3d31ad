"""Contrastive training of the text and image towers (Radford et al. 2021) on single frames and their captions."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from ..models.clip import CLIP, IMAGE_MEAN, IMAGE_STD
from ..models.config import MINI_CLIP, RELEASED_CLIP, CLIPConfig
from ..weights.checkpoint import load_clip, save_network
from .config import CLIPTraining, network_config
from .data.images import ImageDataSet, image_data_set
from .loop import train


class PairBatches:
    """Normalized images (n, 3, h, w) and the tokens (n, 77) of texts that describe them."""

    def __init__(self, source: ImageDataSet, clip: CLIP, size: int, seed: int = 0):
        self.source, self.clip, self.size, self.seed = source, clip, size, seed

    def __call__(self, step: int, index: int) -> tuple[Tensor, ...]:
        rng = random.Random(f"clip {self.seed} {index}")
        return self._batch([self.source.pair(rng) for _ in range(self.size)])

    def _batch(self, pairs: list[tuple[Tensor, str]]) -> tuple[Tensor, Tensor]:
        images, texts = zip(*pairs, strict=True)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
        pixels = rearrange(torch.stack(images), "b h w c -> b c h w")
        return ((pixels - mean) / std).contiguous(), self.clip.tokenize(texts)


class Towers(CLIP):
    """The towers as the loop needs them: forward gives the losses, and the state dict holds all modules."""

    state_dict = nn.Module.state_dict

    def load_state_dict(self, tensors: Mapping[str, Any], strict: bool = True, assign: bool = False):
        return nn.Module.load_state_dict(self, tensors, strict, assign)

    def forward(self, images: Tensor, tokens: Tensor) -> dict[str, Tensor]:
        """The contrastive loss of normalized images (n, 3, h, w) and the tokens (n, 77) of their texts."""
        return {"contrast": self.image_text_loss(images, tokens)}


@torch.no_grad()
def zero_unused_tokens(clip: CLIP, texts: list[str]) -> CLIP:
    """Zeroes the embeddings of tokens in no text: words that were never trained then have no influence."""
    table = clip.model.token_embedding.weight
    unused = torch.ones(len(table), dtype=torch.bool)
    unused[clip.tokenize(texts).unique()] = False
    table[unused] = 0
    return clip


def losses(model: Callable[..., dict[str, Tensor]], batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return model(*batch)


def network_of(config: CLIPTraining) -> Towers:
    """The towers to train: those in `init`, or new ones."""
    if config.init:
        clip = load_clip(config.init)
        towers = Towers(clip.config)
        towers.model.load_state_dict(clip.state_dict())
        return towers
    return Towers(network_config(config.network, CLIPConfig, {"mini": MINI_CLIP, "released": RELEASED_CLIP}))


def run(config: CLIPTraining, towers: Towers, batches: PairBatches, source: ImageDataSet) -> None:
    """Trains `towers` on the batches; writes clip.safetensors."""

    def export(averaged: Towers, step: int) -> None:
        clip = CLIP(towers.config)
        clip.load_state_dict(CLIP.state_dict(averaged))
        if not config.init:
            zero_unused_tokens(clip, source.texts)
        metadata = {"vocabulary": source.words, "steps": step, "training": config.to_metadata()}
        save_network(config.out / "clip.safetensors", clip, torch.float16, **metadata)

    train(towers, batches, losses, config, export)


def main(config: CLIPTraining) -> None:
    """Trains on videos in `config.out`."""
    torch.manual_seed(config.seed)
    towers = network_of(config)
    size = towers.config.vision_cfg.image_size
    if (config.width, config.height) != (size, size):
        raise ValueError(
            f"the image tower takes {size}x{size} pixels, got width {config.width} and height {config.height}"
        )
    source = image_data_set(config)
    run(config, towers, PairBatches(source, towers, config.pairs, config.seed), source)
