"""Contrastive training of the text and image towers (Radford et al. 2021) on single frames and their descriptions.

Positions are not in the descriptions, so the image tower learns to see what a thing is and not where: appearance cues
stay quiet while things move.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from ..checkpoint import save_network
from ..config import MINI_CLIP
from ..text import CLIP, IMAGE_MEAN, IMAGE_STD
from . import sprites
from .loop import LoopConfig, train


class PairBatches:
    """Batch number i: normalised pictures (n, 3, h, w) and token numbers (n, 77) of their descriptions."""

    def __init__(self, clip: CLIP, size: int, seed: int = 0):
        self.clip, self.size, self.seed = clip, size, seed
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGE_MEAN, IMAGE_STD))

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
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


class Contrast(nn.Module):
    def __init__(self, clip: CLIP):
        super().__init__()
        self.clip = clip

    def forward(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        return self.clip.contrast(*batch)


@torch.no_grad()
def without_unused_words(clip: CLIP, vocabulary: list[str]) -> CLIP:
    """Zeroes the embeddings of tokens that no caption uses: an unknown word then says nothing instead of noise."""
    used = clip.tokenize([*vocabulary, *(f"{word}, " for word in vocabulary)]).unique()
    table = clip.model.token_embedding.weight
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


def main(out: Path, steps: int = 800, lr: float = 1e-3, seed: int = 0, size: int = 64) -> None:
    torch.manual_seed(seed)
    clip, words = CLIP(MINI_CLIP), vocabulary()

    def export(model: Any, step: int) -> None:
        copy = CLIP(MINI_CLIP)
        copy.load_state_dict(model.clip.state_dict())
        save_network(out / "clip.safetensors", without_unused_words(copy, words), torch.float16, vocabulary=words)

    def losses(model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        return {"contrast": model(batch)}

    train(
        Contrast(clip),
        PairBatches(clip, size, seed),
        losses,
        LoopConfig(out=out / "clip", steps=steps, lr=lr, ema=0.99),
        export,
    )
