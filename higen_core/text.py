"""The text and image towers: an OpenCLIP model, read at the layer that the denoiser was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .config import CLIPConfig

IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)


class CLIP(nn.Module):
    """An open_clip `CLIP`, by composition, so that `config` and `state_dict` are those of its files."""

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
        """(b, 77) token numbers, cut or padded with 0."""
        import open_clip

        return open_clip.tokenize(list(prompts), self.config.text_cfg.context_length)

    def encode_text(self, prompts: Sequence[str]) -> Tensor:
        """What the denoiser reads: states after all blocks but the last, through the final norm -> (b, 77, d)."""
        return self.states(self.tokenize(prompts).to(self.model.positional_embedding.device))

    def states(self, tokens: Tensor) -> Tensor:
        model = self.model
        x = model.token_embedding(tokens) + model.positional_embedding
        for block in model.transformer.resblocks[:-1]:
            x = block(x, attn_mask=model.attn_mask)
        return model.ln_final(x)

    def encode_image(self, frames: Tensor) -> Tensor:
        """Pictures (b, h, w, 3) in [0, 1] -> embeddings (b, d), not normalised; the middle is seen."""
        from kornia.geometry.transform import resize

        size = self.config.vision_cfg.image_size
        x = rearrange(frames, "b h w c -> b c h w")
        if min(x.shape[-2:]) != size:
            x = resize(x, size, side="short", antialias=True)
        top, left = (x.shape[2] - size) // 2, (x.shape[3] - size) // 2
        x = x[:, :, top : top + size, left : left + size]
        mean, std = (x.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
        return self.model.encode_image((x - mean) / std)

    def contrast(self, images: Tensor, tokens: Tensor) -> Tensor:
        """The contrastive loss of normalised pictures and their captions."""
        return self.contrastive(self.model.encode_image(images), self.model.encode_text(tokens))

    def contrastive(self, images: Tensor, texts: Tensor) -> Tensor:
        """The loss of embeddings (b, d) of pictures and of what is said of them (Radford et al. 2021, figure 3)."""
        scale = self.model.logit_scale.exp().clamp(max=100)
        logits = scale * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).mT
        same = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, same) + F.cross_entropy(logits.mT, same)) / 2
