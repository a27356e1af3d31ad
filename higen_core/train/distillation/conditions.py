"""What trajectories are conditioned on: captions, priors and cues of clips, and cues that no clip has."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ...cues.cues import Cues, resample_rows
from ...cues.curves import Curve
from ...models.clip import CLIP
from ..data.clips import Pool
from ..denoiser import SECOND_CAPTION_PROB


class PriorSampler(Protocol):
    def priors(self, text: Tensor, null_text: Tensor, like: Tensor, seed: int) -> Tensor:
        """Sampled priors (n, c, h, w) for text states (n, l, d), as large as `like`."""
        ...


@dataclass(frozen=True)
class ConditionSource:
    """Conditions of random clips.

    Attributes:
        clips: whose captions, first frames and cues are drawn.
        drawn_cues: probability of cues from `random_cues` in place of those of the clip.
        sampled_priors: probability that the priors of a batch are sampled, in place of the first frames of its clips.
        caption_dropout: probability of an empty caption.
    """

    clips: Pool
    clip: CLIP
    drawn_cues: float
    sampled_priors: float
    caption_dropout: float

    @property
    def null_text(self) -> Tensor:
        with torch.no_grad():
            return self.clip.encode_text([""])

    @torch.no_grad()
    def draw(self, count: int, step: int, rng: random.Random, sampler: PriorSampler) -> dict[str, Tensor]:
        """Text, prior, motion and appearance of `count` clips out of those that exist at `step`."""
        clips = self.clips.draw(count, step, rng)
        chosen = [captions[-1 if rng.random() < SECOND_CAPTION_PROB else 0] for captions in clips.captions]
        text = self.clip.encode_text(["" if rng.random() < self.caption_dropout else words for words in chosen])
        prior = clips.latents[:, :, 0].float()
        if rng.random() < self.sampled_priors:
            prior = sampler.priors(text, self.null_text, prior, rng.randrange(2**62)).cpu()
        motion, rows = clips.motion.long(), resample_rows(clips.appearance.float())
        for i in range(count):
            if rng.random() < self.drawn_cues:
                cues = random_cues(clips.latents.shape[2], rng)
                motion[i], rows[i] = cues.motion, cues.rows()
        return {"text": text, "prior": prior, "motion": motion, "appearance": rows}


def random_cues(frames: int, rng: random.Random) -> Cues:
    """Cues as people ask for them: constants, and curves with few points."""
    motion = rng.choice((_constant, _constant, _ramp, _pulse, _points))(rng)
    appearance = rng.choice((_zero, _zero, _constant, _constant, _ramp, _points))(rng)
    return Cues.from_curves(motion, appearance, frames)


def _zero(rng: random.Random) -> Curve:
    return Curve.constant(0.0)


def _constant(rng: random.Random) -> Curve:
    return Curve.constant(rng.choice((0.0, *[rng.random()] * 11)))


def _ramp(rng: random.Random) -> Curve:
    return Curve(((0.0, rng.random()), (1.0, rng.random())), "linear")


def _pulse(rng: random.Random) -> Curve:
    ends, middle = sorted((rng.random(), rng.random()))
    if rng.random() < 0.25:
        ends, middle = middle, ends
    return Curve(((0.0, ends), (rng.uniform(0.3, 0.7), middle), (1.0, ends)))


def _points(rng: random.Random) -> Curve:
    inner = [(i + rng.uniform(0.2, 0.8)) / 4 for i in range(4)]
    xs = [0.0, *rng.sample(inner, rng.randint(1, 4)), 1.0]
    return Curve(tuple((x, rng.random()) for x in sorted(xs)), rng.choice(("monotone_cubic", "linear", "step")))
