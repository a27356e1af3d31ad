"""Images of sprites, drawn on the fly, for the autoencoder and the towers."""

from __future__ import annotations

import random
from dataclasses import replace

import torch
from torch import Tensor

from ..data.images import FEW
from .scenes import (
    Scene,
    caption,
    describe_final_frame,
    path,
    render,
    sample_scene,
    sample_still,
    vocabulary,
)


class SpriteImages:
    """An `ImageDataSet` that can also draw final frames."""

    def __init__(self):
        self.words = vocabulary()
        self.texts = [*self.words, *(f"{word}, " for word in self.words)]

    def frames(self, rng: random.Random) -> tuple[Tensor, Tensor]:
        """Frames of a clip (4, h, w, 3) in [0, 1], and the centers of the sprite (4, 2) in pixels (x, y)."""
        scene = sample_scene(rng)
        return render(scene, frames=FEW), path(scene, frames=FEW)

    def pair(self, rng: random.Random) -> tuple[Tensor, str]:
        """An image before or after its change of appearance, and a description or a whole caption."""
        scene = sample_still(rng)
        if rng.random() < 0.5:
            return _final_frame(scene), describe_final_frame(scene)
        image = render(scene, frames=1)[0]
        if rng.random() < 0.7:
            return image, caption(scene, rng, mention_change=False)
        return image, describe_final_frame(replace(scene, change="none"))

    def final_pair(self, rng: random.Random) -> tuple[Tensor, str]:
        """The final frame of a clip, and the caption of the whole clip."""
        scene = sample_still(rng)
        return _final_frame(scene), caption(scene, rng)


def random_images(label: str, count: int, seed: int = 0) -> Tensor:
    """Images of random scenes (count, h, w, 3), the same for the same label."""
    rng = random.Random(f"{label} {seed}")
    return torch.stack([render(sample_still(rng), frames=1)[0] for _ in range(count)])


def _final_frame(scene: Scene) -> Tensor:
    """The frame after a change of appearance that went all the way, (h, w, 3)."""
    return render(replace(scene, amount=1.0), frames=2)[-1]
