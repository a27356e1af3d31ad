"""The text and image towers: an OpenCLIP model, with the text states that the denoiser was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..media.square import center_square
from .config import CLIPConfig
from .network import Network

IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)
"""Mean and standard deviation of red, green and blue in [0, 1], of OpenCLIP's image preprocessing."""


class CLIP(Network):
    """Wraps an open_clip `CLIP`. Names of tensors are those of OpenCLIP's files.

    All inputs are cast to the network's dtype and device.
    """

    model: Any  # open_clip's CLIP

    def __init__(self, config: CLIPConfig):
        import open_clip

        super().__init__()
        self.config = config
        towers = config.to_dict()
        self.model = open_clip.model.CLIP(towers["embed_dim"], towers["vision_cfg"], towers["text_cfg"])

    def state_dict(self, *args, **kwargs) -> dict[str, Tensor]:
        return self.model.state_dict(*args, **kwargs)

    def load_state_dict(self, tensors: dict[str, Tensor], strict: bool = True, assign: bool = False):
        return self.model.load_state_dict(tensors, strict=strict, assign=assign)

    def tokenize(self, prompts: Sequence[str]) -> Tensor:
        """Token ids of b prompts, (b, 77), truncated or padded with 0; on the CPU."""
        import open_clip

        return open_clip.tokenize(list(prompts), self.config.text_cfg.context_length)

    def encode_text(self, prompts: Sequence[str]) -> Tensor:
        """Text states of b prompts for the denoiser, (b, 77, d)."""
        return self.states(self.tokenize(prompts))

    def states(self, tokens: Tensor) -> Tensor:
        """Token ids (b, 77) -> states (b, 77, d) after all blocks but the last and the final LayerNorm."""
        model = self.model
        x = model.token_embedding(self.cast(tokens)) + self.cast(model.positional_embedding)
        mask = self.cast(model.attn_mask)
        for block in model.transformer.resblocks[:-1]:
            x = block(x, attn_mask=mask)
        return model.ln_final(x)

    def encode_image(self, frames: Tensor) -> Tensor:
        """Embeds images.

        Args:
            frames: images (b, h, w, 3) in [0, 1]. The shorter side is resized to the input size of the tower and the
                center of the longer side is cropped.

        Returns:
            embeddings (b, d), not normalized.
        """
        x = self.cast(center_square(frames.to(self.device), self.config.vision_cfg.image_size))
        mean, std = (x.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
        return self.model.encode_image((x - mean) / std)

    def image_text_loss(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Contrastive loss of images (b, 3, h, w), normalized by IMAGE_MEAN and IMAGE_STD, and tokens (b, 77)."""
        return self.contrastive_loss(
            self.model.encode_image(self.cast(images)), self.model.encode_text(self.cast(tokens))
        )

    def contrastive_loss(self, image_embeddings: Tensor, text_embeddings: Tensor) -> Tensor:
        """Contrastive loss of embeddings (b, d) of images and their captions (Radford et al. 2021, figure 3)."""
        scale = self.model.logit_scale.exp().clamp(max=100)
        logits = scale * F.normalize(image_embeddings, dim=-1) @ F.normalize(text_embeddings, dim=-1).mT
        labels = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.mT, labels)) / 2
