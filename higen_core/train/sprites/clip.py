"""The towers' training on sprites, with two losses besides the contrastive one of images and descriptions.

Positions are not in the descriptions, so the image tower learns to see what an object is and not where it is, and
appearance cues do not change while objects move. A text tower that had to identify single images only would lose the
words that no image shows, such as "left": hence the caption reconstruction loss. And its states would not distinguish
what a clip begins with from what it ends with: hence the final-frame contrastive loss.
"""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from einops import repeat
from torch import Tensor, nn

from ...models.config import MINI_CLIP, RELEASED_CLIP, CLIPConfig
from ...weights.checkpoint import load_clip
from ..clip import PairBatches, Towers, run
from ..config import network_config
from .config import SpriteCLIPTraining
from .images import SpriteImages

BLUR = 0.5
"""Standard deviation of the noise on the mean of text states, which are layer-normalized."""


class SpritePairBatches(PairBatches):
    """The images and tokens of `PairBatches`; images (n, 3, h, w) of the final frames of further clips and the tokens
    (n, 77) of the clips' captions; noise (n, d) for the means of the captions' states.
    """

    source: SpriteImages

    def __call__(self, step: int, index: int) -> tuple[Tensor, ...]:
        rng = random.Random(f"clip {self.seed} {index}")
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        described = self._batch([self.source.pair(rng) for _ in range(self.size)])
        final = self._batch([self.source.final_pair(rng) for _ in range(self.size)])
        noise = torch.randn(self.size, self.clip.config.text_cfg.width, generator=generator)
        return *described, *final, noise


class CaptionDecoder(nn.Module):
    """Predicts the token at each position of a caption from the noisy mean of its states."""

    def __init__(self, width: int, length: int, tokens: Tensor):
        """`tokens` are those that captions may have."""
        super().__init__()
        self.tokens = tokens.sort().values
        self.positions = nn.Parameter(torch.randn(length, width) * width**-0.5)
        self.classify = nn.Sequential(
            nn.Linear(2 * width, 4 * width), nn.GELU(), nn.LayerNorm(4 * width), nn.Linear(4 * width, len(tokens))
        )

    def forward(self, mean: Tensor, tokens: Tensor) -> Tensor:
        """Cross-entropy of the tokens (n, l), padding aside, given the mean (n, d)."""
        n, length = tokens.shape
        inputs = [repeat(mean, "n d -> n l d", l=length), repeat(self.positions, "l d -> n l d", n=n)]
        is_word = tokens != 0
        logits = self.classify(torch.cat(inputs, dim=-1)[is_word])
        return F.cross_entropy(logits, torch.searchsorted(self.tokens.to(tokens.device), tokens[is_word]))


class SpriteTowers(Towers):
    """The towers with the heads of the two additional losses."""

    def __init__(self, config: CLIPConfig, texts: list[str]):
        """`texts` together contain every token of the captions."""
        super().__init__(config)
        text = config.text_cfg
        self.caption_decoder = CaptionDecoder(text.width, text.context_length, self.tokenize(texts).unique())
        self.final_frame_projection = nn.Linear(text.width, config.embed_dim)

    def forward(
        self, images: Tensor, tokens: Tensor, final_images: Tensor, captions: Tensor, noise: Tensor
    ) -> dict[str, Tensor]:
        """The losses.

        Most states are those of the padding, which dominate their mean. The noise on the mean makes the text tower put
        every word into the states with a large effect, also a small word such as "left". The image tower gets no
        gradient from the final-frame loss.
        """
        mean = self.states(captions).mean(1) + BLUR * noise
        with torch.no_grad():
            embeddings = self.model.encode_image(final_images)
        return {
            **super().forward(images, tokens),
            "caption_reconstruction": self.caption_decoder(mean, captions),
            "final_frame": self.contrastive_loss(embeddings, self.final_frame_projection(mean)),
        }


def network_of(config: SpriteCLIPTraining, texts: list[str]) -> SpriteTowers:
    """The towers to train: those in `init`, or new ones, with new heads; `towers = text` freezes the image tower."""
    if config.init:
        clip = load_clip(config.init)
        towers = SpriteTowers(clip.config, texts)
        towers.model.load_state_dict(clip.state_dict())
    else:
        presets = {"mini": MINI_CLIP, "released": RELEASED_CLIP}
        towers = SpriteTowers(network_config(config.network, CLIPConfig, presets), texts)
    for name, parameter in towers.model.named_parameters():
        parameter.requires_grad = config.towers == "both" or not name.startswith("visual.")
    return towers


def main(config: SpriteCLIPTraining) -> None:
    """Trains on sprites in `config.out`."""
    torch.manual_seed(config.seed)
    source = SpriteImages()
    towers = network_of(config, source.texts)
    run(config, towers, SpritePairBatches(source, towers, config.pairs, config.seed), source)
