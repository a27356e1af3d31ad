"""Contrastive training of the text and image towers (Radford et al. 2021) on single frames and their descriptions.

Positions are not in the descriptions, so the image tower learns to see what a thing is and not where: appearance cues
stay quiet while things move. A text tower that only had to tell pictures apart would forget the words that no picture
shows, such as "left", so it has to be possible to retell a whole caption from its states. And it would not tell what a
clip begins with from what it leads to, so its states have to foretell the last picture of the clip, too.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from ..checkpoint import load_clip, save_network
from ..config import MINI_CLIP, RELEASED_CLIP, CLIPConfig
from ..text import CLIP, IMAGE_MEAN, IMAGE_STD
from .config import CLIPTraining
from .loop import train
from .networks import config_of, tensors
from .pictures import Pictures, pictures_of

Batch: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
BLUR = 0.5
"""Noise on the means of states, per entry of the states, which are layer-normalised."""


class PairBatches:
    """Normalised pictures (n, 3, h, w) and tokens (n, 77) of their descriptions; the same of the last pictures of other
    clips and their captions; noise (n, d) on the means of the captions' states.
    """

    def __init__(self, source: Pictures, clip: CLIP, size: int, seed: int = 0):
        self.source, self.clip, self.size, self.seed = source, clip, size, seed
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGE_MEAN, IMAGE_STD))

    def __call__(self, step: int, index: int) -> Batch:
        rng = random.Random(f"clip {self.seed} {index}")
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        described = self._told([self.source.pair(rng) for _ in range(self.size)])
        ended = self._told([self.source.ending(rng) for _ in range(self.size)])
        noise = torch.randn(self.size, self.clip.config.text_cfg.width, generator=generator)
        return *described, *ended, noise

    def _told(self, pairs: list[tuple[Tensor, str]]) -> tuple[Tensor, Tensor]:
        pictures, words = zip(*pairs, strict=True)
        pixels = rearrange(torch.stack(pictures), "b h w c -> b c h w")
        return ((pixels - self.mean) / self.std).contiguous(), self.clip.tokenize(words)


class Retelling(nn.Module):
    """Tells which token stands where in a caption, from the blurred mean of its states."""

    def __init__(self, width: int, length: int, tokens: Tensor):
        super().__init__()
        self.known = tokens.sort().values
        self.places = nn.Parameter(torch.randn(length, width) * width**-0.5)
        self.tell = nn.Sequential(
            nn.Linear(2 * width, 4 * width), nn.GELU(), nn.LayerNorm(4 * width), nn.Linear(4 * width, len(tokens))
        )

    def forward(self, mean: Tensor, tokens: Tensor) -> Tensor:
        """Cross-entropy of retelling tokens (n, l) from the mean (n, d)."""
        n, length = tokens.shape
        told = tokens != 0
        seen = torch.cat([repeat(mean, "n d -> n l d", l=length), repeat(self.places, "l d -> n l d", n=n)], dim=-1)
        return F.cross_entropy(self.tell(seen[told]), torch.searchsorted(self.known.to(tokens.device), tokens[told]))


class Towers(CLIP):
    """The towers as the loop needs them: the forward pass gives the losses, and names are those of any module."""

    state_dict = nn.Module.state_dict

    def __init__(self, config: CLIPConfig, texts: list[str]):
        super().__init__(config)
        text = config.text_cfg
        self.retelling = Retelling(text.width, text.context_length, self.tokenize(texts).unique())
        self.foretelling = nn.Linear(text.width, config.embed_dim)

    def load_state_dict(self, tensors: Mapping[str, Any], strict: bool = True, assign: bool = False):
        return nn.Module.load_state_dict(self, tensors, strict, assign)

    def forward(
        self, pictures: Tensor, tokens: Tensor, ends: Tensor, captions: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Losses of contrast, retelling and foretelling.

        Most states are of the padding, so their mean is. Blurred with noise, it makes every word change the states by
        far more than that, also a small one such as "left". The image tower does not learn from foretelling.
        """
        mean = self.states(captions).mean(1) + BLUR * noise
        with torch.no_grad():
            seen = self.model.encode_image(ends)
        foretelling = self.contrastive(seen, self.foretelling(mean))
        return self.contrast(pictures, tokens), self.retelling(mean, captions), foretelling


@torch.no_grad()
def without_unused_words(clip: CLIP, texts: list[str]) -> CLIP:
    """Zeroes the embeddings of tokens that no text uses: an unknown word then says nothing instead of noise."""
    used = clip.tokenize(texts).unique()
    table = tensors(clip)["model.token_embedding.weight"]
    kept = torch.zeros_like(table)
    kept[used] = table[used]
    table.copy_(kept)
    return clip


def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    return dict(zip(("contrast", "retelling", "foretelling"), model(*batch), strict=True))


def main(config: CLIPTraining) -> None:
    torch.manual_seed(config.seed)
    before = load_clip(config.init) if config.init else None
    named = {"mini": MINI_CLIP, "released": RELEASED_CLIP}
    sizes = before.config if before else config_of(config.network, CLIPConfig, named)
    seen = sizes.vision_cfg.image_size
    if config.data != "sprites" and (config.width, config.height) != (seen, seen):
        raise ValueError(
            f"the image tower sees {seen}x{seen} pixels, got width {config.width} and height {config.height}"
        )
    source = pictures_of(config)
    model = Towers(sizes, source.texts)
    if before:
        CLIP.load_state_dict(model, before.state_dict())
    for name, parameter in model.model.named_parameters():
        parameter.requires_grad = config.towers == "both" or not name.startswith("visual.")

    def export(averaged: Towers, step: int) -> None:
        clip = CLIP(sizes)
        clip.load_state_dict(CLIP.state_dict(averaged))
        if not before:
            without_unused_words(clip, source.texts)
        save_network(config.out / "clip.safetensors", clip, torch.float16, vocabulary=source.words, steps=step)

    train(model, PairBatches(source, model, config.pairs, config.seed), losses, config, export)
