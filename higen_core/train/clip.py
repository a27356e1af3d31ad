"""Contrastive training of the text and image towers (Radford et al. 2021) on single frames and their descriptions.

Positions are not in the descriptions, so the image tower learns to see what a thing is and not where: appearance cues
stay quiet while things move.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from ..checkpoint import save_network
from ..config import MINI_CLIP, RELEASED_CLIP, CLIPConfig
from ..text import CLIP, IMAGE_MEAN, IMAGE_STD
from . import sprites
from .config import CLIPTraining
from .loop import train
from .networks import config_of, tensors


class PairBatches:
    """Normalised pictures (n, 3, h, w) and token numbers (n, 77) of their descriptions."""

    def __init__(self, clip: CLIP, size: int, seed: int = 0):
        self.clip, self.size, self.seed = clip, size, seed
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGE_MEAN, IMAGE_STD))

    def __call__(self, step: int, index: int) -> tuple[Tensor, Tensor]:
        rng = random.Random(f"clip {self.seed} {index}")
        pairs = [_pair(rng) for _ in range(self.size)]
        pictures = rearrange(torch.stack([picture for picture, _ in pairs]), "b h w c -> b c h w")
        return ((pictures - self.mean) / self.std).contiguous(), self.clip.tokenize([words for _, words in pairs])


def _pair(rng: random.Random) -> tuple[Tensor, str]:
    """A picture before or after its change of appearance, and a description or a whole caption."""
    scene = sprites.sample_still(rng)
    if rng.random() < 0.5:
        return sprites.render(replace(scene, amount=1.0), frames=2)[-1], sprites.describe_end(scene)
    picture = sprites.render(scene, frames=1)[0]
    if rng.random() < 0.7:
        return picture, sprites.caption(scene, rng, tell_change=False)
    return picture, sprites.describe_end(replace(scene, change="none"))


class Contrast(CLIP):
    """The towers as the loop needs them: the forward pass is the loss, and names are those of any module."""

    forward = CLIP.contrast
    state_dict = nn.Module.state_dict

    def load_state_dict(self, tensors: Mapping[str, Any], strict: bool = True, assign: bool = False):
        return nn.Module.load_state_dict(self, tensors, strict, assign)


@torch.no_grad()
def without_unused_words(clip: CLIP, vocabulary: list[str]) -> CLIP:
    """Zeroes the embeddings of tokens that no caption uses: an unknown word then says nothing instead of noise."""
    used = clip.tokenize([*vocabulary, *(f"{word}, " for word in vocabulary)]).unique()
    table = tensors(clip)["model.token_embedding.weight"]
    kept = torch.zeros_like(table)
    kept[used] = table[used]
    table.copy_(kept)
    return clip


def vocabulary() -> list[str]:
    """Every word of the captions, sorted."""
    rng = random.Random(0)
    words: set[str] = set()
    for _ in range(8_000):
        scene = sprites.sample_plot(rng)
        words.update(f"{sprites.caption(scene, rng)} {sprites.describe_end(scene)}".replace(",", "").split())
    return sorted(words)


def losses(model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    return {"contrast": model(*batch)}


def main(config: CLIPTraining) -> None:
    torch.manual_seed(config.seed)
    sizes = config_of(config.network, CLIPConfig, {"mini": MINI_CLIP, "released": RELEASED_CLIP})
    model, words = Contrast(sizes), vocabulary()

    def export(averaged: Contrast, step: int) -> None:
        clip = CLIP(sizes)
        clip.load_state_dict(CLIP.state_dict(averaged))
        path = config.out / "clip.safetensors"
        save_network(path, without_unused_words(clip, words), torch.float16, vocabulary=words, steps=step)

    train(model, PairBatches(model, config.pairs, config.seed), losses, config, export)
