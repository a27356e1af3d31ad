"""Clips as the denoiser is trained on them: latents, cues measured on the pixels, captions. Computed once per clip."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch
from einops import rearrange
from torch import Tensor

from ...cues.measures import measure_motion, similarity
from ...models.clip import CLIP
from ...models.vae import VAE
from ..checkpoint import fingerprint, replacing
from . import files

Captions = tuple[str, ...]
"""One or two captions of a clip; the second leaves out a change of appearance that the first one mentions."""
MADE_WITH = "made_with.json"
PIXELS_AT_ONCE = 2**19
"""Pixels that are encoded in one call: 128 images of 64x64, or 4 of 448x256."""


@dataclass(frozen=True)
class Clips:
    """n clips of f frames and k captions each.

    Attributes:
        latents: (n, 4, f, h, w).
        motion: cue (n, f - 1).
        appearance: cue (n, f, f).
        captions: k of each clip.
        text: the text states of the captions (n, k, l, d).
        mask: (n, f, h, w) in 0..1, where the loss counts; None: everywhere.
    """

    latents: Tensor
    motion: Tensor
    appearance: Tensor
    captions: list[Captions]
    text: Tensor
    mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.captions)

    def write(self, path: Path) -> None:
        """Never half a file, also when several processes write the same one."""
        with replacing(path) as partial:
            torch.save(vars(self) | {"captions": json.dumps(self.captions)}, partial)


@lru_cache(maxsize=1024)
def read_clips(path: Path) -> Clips:
    """Mapped from the file: memory holds what was drawn lately, however large the data set is."""
    tensors = torch.load(path, weights_only=True, mmap=True)
    return Clips(**tensors | {"captions": [tuple(pair) for pair in json.loads(tensors["captions"])]})


class Pool(Protocol):
    """Clips to draw from; a clip of one frame is an image."""

    def draw(self, size: int, step: int, rng: random.Random) -> Clips:
        """Random clips out of those that exist at a step of the training."""
        ...


def collate(picks: list[tuple[Clips, int]]) -> Clips:
    """One batch of the clips at the given index of each `Clips`."""
    parts = ((clips.latents[i], clips.motion[i], clips.appearance[i], clips.text[i]) for clips, i in picks)
    latents, motion, appearance, text = (torch.stack(part) for part in zip(*parts, strict=True))
    captions = [clips.captions[i] for clips, i in picks]
    return Clips(latents, motion, appearance, captions, text, _collated_mask(picks))


def _collated_mask(picks: list[tuple[Clips, int]]) -> Tensor | None:
    """None if no clip has one; a clip without a mask among others counts everywhere."""
    if all(clips.mask is None for clips, _ in picks):
        return None
    shape = picks[0][0].latents.shape[2:]
    return torch.stack([torch.ones(shape) if clips.mask is None else clips.mask[i].float() for clips, i in picks])


class ClipEncoder(Protocol):
    """Turns decoded frames into what is cached of them."""

    def __call__(self, frames: Tensor, captions: list[Captions]) -> Clips:
        """Clips of frames (n, f, h, w, 3) in [0, 1]."""
        ...

    def settings(self) -> dict[str, Any]:
        """What its results depend on, as JSON; equal settings give equal results."""
        ...


@dataclass(frozen=True)
class LatentEncoder:
    """Encodes frames to latents and measures their cues.

    `similarity_floor` is the cosine similarity of image embeddings that is appearance 0.
    """

    vae: VAE
    clip: CLIP
    motion_scale: float
    similarity_floor: float

    @torch.no_grad()
    def __call__(self, frames: Tensor, captions: list[Captions]) -> Clips:
        """Clips of frames (n, f, h, w, 3) in [0, 1]; the cues are those of `extract_cues` on the same frames."""
        n, device = len(frames), self.vae.device
        frames = frames.to(device)
        images = rearrange(frames, "n f h w c -> (n f) h w c")
        with bf16_autocast(device):
            latents = encode_images(self.vae, images)
        embeddings = rearrange(self.clip.encode_image(images), "(n f) d -> n f d", n=n)
        return Clips(
            rearrange(latents.half().cpu(), "(n f) c h w -> n c f h w", n=n),
            measure_motion(frames, self.motion_scale).short().cpu(),
            similarity(embeddings, self.similarity_floor).half().cpu(),
            captions,
            self.text_states(captions),
        )

    @torch.no_grad()
    def text_states(self, captions: list[Captions]) -> Tensor:
        """(n, k, l, d) in fp16."""
        texts = list(dict.fromkeys(text for pair in captions for text in pair))
        states = dict(zip(texts, self.clip.encode_text(texts).half().cpu(), strict=True))
        return torch.stack([torch.stack([states[text] for text in pair]) for pair in captions])

    def settings(self) -> dict[str, Any]:
        return {
            "vae": fingerprint(self.vae),
            "clip": fingerprint(self.clip),
            "motion_scale": self.motion_scale,
            "similarity_floor": self.similarity_floor,
            "content": "latents, cues, text states",
        }


def bf16_autocast(device: torch.device) -> torch.autocast:
    """bf16 where the device computes in it: CPUs that have to emulate it are many times slower than in fp32."""
    supported = device.type != "cpu" or (
        torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
    return torch.autocast(device.type, torch.bfloat16, enabled=supported)


def vae_input(images: Tensor) -> Tensor:
    """Images (b, h, w, 3) in [0, 1] as the autoencoder takes them: (b, 3, h, w) in [-1, 1]."""
    return rearrange(images * 2 - 1, "b h w c -> b c h w").contiguous()


def encode_images(vae: VAE, images: Tensor) -> Tensor:
    """Latents (b, 4, h/8, w/8) of images (b, h, w, 3) in [0, 1], a few at a time."""
    size = max(1, PIXELS_AT_ONCE // images[0, :, :, 0].numel())
    return torch.cat([vae.encode(part) for part in vae_input(images).split(size)])


def made_with(folder: str | Path) -> dict[str, Any] | None:
    """The settings that the clips in a folder, or at an address, were made with; None if there are none."""
    path = files.within(folder, MADE_WITH)
    return json.loads(files.read(path)) if files.exists(path) else None


def open_cache(folder: str | Path, settings: dict[str, Any]) -> None:
    """Creates a folder of cached clips; refuses one whose clips were made with other settings.

    Raises:
        ValueError: the message has the setting's name, its old and its new value.
    """
    if (before := made_with(folder)) is not None:
        for name, value in settings.items():
            if before.get(name) != value:
                raise ValueError(
                    f"the clips in {folder} were made with {name} {before.get(name)!r}, now it is {value!r}: "
                    "delete that folder or choose another out"
                )
        return
    content = json.dumps(settings, indent=2) + "\n"
    files.write(files.within(folder, MADE_WITH), content.encode())


@torch.no_grad()
def measure_similarity_floor(clip: CLIP, images: Tensor) -> float:
    """The cosine similarity of images (n, h, w, 3) with nothing in common: the 5th percentile over all pairs."""
    if len(images) < 2:
        raise ValueError("similarity_floor has to be set: one image is not enough to measure it")
    unit = torch.nn.functional.normalize(clip.encode_image(images), dim=-1)
    pairs = (unit @ unit.mT)[tuple(torch.triu_indices(len(images), len(images), offset=1))]
    return round(float(pairs.quantile(0.05)), 3)


@torch.no_grad()
def rgb_factors(vae: VAE, images: Tensor) -> dict[str, list]:
    """The linear map from scaled latents to colors in [-1, 1] with the least error on images (n, h, w, 3).

    Returns:
        `rgb_factors` (4 x 3) and `rgb_bias` (3), for quick previews; see `ModelInfo`.
    """
    colors = torch.nn.functional.avg_pool2d(vae_input(images), vae.downscale)
    latents = rearrange(encode_images(vae, images), "b c h w -> (b h w) c").cpu()
    inputs = torch.cat([latents, torch.ones(len(latents), 1)], dim=1)
    solution = torch.linalg.lstsq(inputs, rearrange(colors, "b c h w -> (b h w) c").cpu()).solution
    rounded = [[round(value, 4) for value in row] for row in solution.tolist()]
    return {"rgb_factors": rounded[:-1], "rgb_bias": rounded[-1]}
