"""Contrastive training of the text and image towers (Radford et al. 2021) on single frames and their descriptions.

Positions are not in the descriptions, so the image tower learns to see what a thing is and not where: appearance cues
stay quiet while things move. A text tower that only had to tell pictures apart would forget the words that no picture
shows, such as "left". So it also has to be possible to retell a whole caption from its states.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from ..checkpoint import load_clip, save_network
from ..config import MINI_CLIP, RELEASED_CLIP, CLIPConfig
from ..text import CLIP, IMAGE_MEAN, IMAGE_STD
from . import sprites
from .config import CLIPTraining
from .loop import train
from .networks import config_of, tensors


class PairBatches:
    """Normalised pictures (n, 3, h, w), tokens (n, 77) of their descriptions, and of captions of other clips."""

    def __init__(self, clip: CLIP, size: int, seed: int = 0):
        self.clip, self.size, self.seed = clip, size, seed
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGE_MEAN, IMAGE_STD))

    def __call__(self, step: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = random.Random(f"clip {self.seed} {index}")
        pairs = [_pair(rng) for _ in range(self.size)]
        pictures = rearrange(torch.stack([picture for picture, _ in pairs]), "b h w c -> b c h w")
        captions = [sprites.caption(sprites.sample_plot(rng), rng) for _ in range(self.size)]
        pictures = ((pictures - self.mean) / self.std).contiguous()
        return pictures, self.clip.tokenize([words for _, words in pairs]), self.clip.tokenize(captions)


def _pair(rng: random.Random) -> tuple[Tensor, str]:
    """A picture before or after its change of appearance, and a description or a whole caption."""
    scene = sprites.sample_still(rng)
    if rng.random() < 0.5:
        return sprites.render(replace(scene, amount=1.0), frames=2)[-1], sprites.describe_end(scene)
    picture = sprites.render(scene, frames=1)[0]
    if rng.random() < 0.7:
        return picture, sprites.caption(scene, rng, tell_change=False)
    return picture, sprites.describe_end(replace(scene, change="none"))


class Retelling(nn.Module):
    """Tells which token stands where in a caption, from the mean of its states alone."""

    def __init__(self, width: int, length: int, tokens: Tensor):
        super().__init__()
        self.known = tokens.sort().values
        self.places = nn.Parameter(torch.randn(length, width) * width**-0.5)
        self.tell = nn.Sequential(
            nn.Linear(2 * width, 4 * width), nn.GELU(), nn.LayerNorm(4 * width), nn.Linear(4 * width, len(tokens))
        )

    def forward(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Cross-entropy of retelling tokens (n, l) from their states (n, l, d)."""
        told = tokens != 0
        mean = (states * told[..., None]).sum(1) / told.sum(1, keepdim=True)
        n, length = tokens.shape
        seen = torch.cat([repeat(mean, "n d -> n l d", l=length), repeat(self.places, "l d -> n l d", n=n)], dim=-1)
        return F.cross_entropy(self.tell(seen[told]), torch.searchsorted(self.known.to(tokens.device), tokens[told]))


class Towers(CLIP):
    """The towers as the loop needs them: the forward pass gives the losses, and names are those of any module."""

    state_dict = nn.Module.state_dict

    def __init__(self, config: CLIPConfig, words: list[str]):
        super().__init__(config)
        text = config.text_cfg
        self.retelling = Retelling(text.width, text.context_length, used_tokens(self, words))

    def load_state_dict(self, tensors: Mapping[str, Any], strict: bool = True, assign: bool = False):
        return nn.Module.load_state_dict(self, tensors, strict, assign)

    def forward(self, pictures: Tensor, tokens: Tensor, captions: Tensor) -> tuple[Tensor, Tensor]:
        return self.contrast(pictures, tokens), self.retelling(self.states(captions), captions)


def used_tokens(clip: CLIP, vocabulary: list[str]) -> Tensor:
    """Numbers of all tokens that captions of these words have."""
    return clip.tokenize([*vocabulary, *(f"{word}, " for word in vocabulary)]).unique()


@torch.no_grad()
def without_unused_words(clip: CLIP, vocabulary: list[str]) -> CLIP:
    """Zeroes the embeddings of tokens that no caption uses: an unknown word then says nothing instead of noise."""
    used = used_tokens(clip, vocabulary)
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


def losses(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
    contrast, retelling = model(*batch)
    return {"contrast": contrast, "retelling": retelling}


def main(config: CLIPTraining) -> None:
    torch.manual_seed(config.seed)
    sizes = config_of(config.network, CLIPConfig, {"mini": MINI_CLIP, "released": RELEASED_CLIP})
    words = vocabulary()
    model = Towers(sizes, words)
    if config.init:
        CLIP.load_state_dict(model, CLIP.state_dict(load_clip(config.init)))
    for name, parameter in model.model.named_parameters():
        parameter.requires_grad = config.towers == "both" or not name.startswith("visual.")

    def export(averaged: Towers, step: int) -> None:
        clip = CLIP(sizes)
        clip.load_state_dict(CLIP.state_dict(averaged))
        path = config.out / "clip.safetensors"
        save_network(path, without_unused_words(clip, words), torch.float16, vocabulary=words, steps=step)

    train(model, PairBatches(model, config.pairs, config.seed), losses, config, export)
