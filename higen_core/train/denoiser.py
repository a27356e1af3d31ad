"""Joint training of both stages (paper, section 3.4): pictures for the spatial one, clips for the temporal one.

The prior of a clip is one of its frames, the first one unless the weights say otherwise; its cues are measured on its
pixels.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import load_clip, load_unet, load_vae, save_network
from ..config import MINI, RELEASED, UNetConfig
from ..cues import UNTOLD_APPEARANCE, UNTOLD_MOTION, resample_rows
from ..embedding import APPEARANCE_WIDTH, sinusoid
from ..layers import Stem, silence
from ..pipeline import OFFSET, share_noise
from ..schedule import STEPS, add_noise, velocity
from ..temporal import TemporalConv, TemporalTransformer
from ..text import CLIP
from ..unet import UNet
from .config import DenoiserTraining
from .data import Captions, Clips, Pool
from .loop import own_device, train
from .networks import config_of, owned, tensors
from .preview import sampled
from .retiming import retimed
from .worlds import World, sprite_world, video_world

NOISY = 600
"""The first time step of `noisy_clips`."""


@dataclass(frozen=True)
class Sample:
    """What one forward sees: noisy latents and what the denoiser is told, plus the velocity it should find."""

    x: Tensor
    t: Tensor
    known: dict[str, Tensor]
    target: Tensor

    def to(self, device: torch.device, **_: Any) -> Sample:
        known = {name: value.to(device) for name, value in self.known.items()}
        return Sample(self.x.to(device), self.t.to(device), known, self.target.to(device))


class ClipBatches:
    """Pictures and, after the first steps, clips.

    The text states are of a tower that is not trained here.
    """

    def __init__(self, world: World, clip: CLIP, config: DenoiserTraining, facts: dict[str, Any]):
        self.world, self.clip, self.config = world, clip, config
        self.prior_frame, self.noise_sharing = facts["prior_frame"], facts["noise_sharing"]

    @torch.no_grad()
    def __call__(self, step: int, index: int) -> dict[str, Sample]:
        world, config = self.world, self.config
        rng = random.Random(f"batch {config.seed} {index}")
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + index)
        if step < config.picture_steps:
            return {"picture": self._pictures(2 * config.pictures, step, rng, generator)}
        batch = {
            "picture": self._pictures(config.pictures, step, rng, generator),
            "video": self._clips(config.videos, step, rng, generator),
        }
        if world.twins and config.twins:
            batch["twins"] = self._twins(world.twins, step, rng, generator)
        return batch

    def _pictures(self, size: int, step: int, rng: random.Random, generator: torch.Generator) -> Sample:
        pictures = self.world.pictures.draw(size, step, rng)
        t = self._steps(size, generator)
        eps = torch.randn(pictures.latents.shape, generator=generator)
        return _sample(pictures.latents, t, eps, {"text": self._text(pictures.captions, rng)})

    def _clips(self, size: int, step: int, rng: random.Random, generator: torch.Generator) -> Sample:
        clips = self.world.clips.draw(size, step, rng)
        clips = retimed(clips, self.config.frozen, self.config.paused, generator)
        known = {"text": self._text(clips.captions, rng)}
        known |= self._cues(clips, torch.rand(2, size, generator=generator) < self.config.cue_dropout)
        known["prior"] = self._priors(clips) * self._strengths(size, generator).view(-1, 1, 1, 1)
        noisy = torch.rand(size, generator=generator) < self.config.noisy_clips
        t = _noisy_steps(size, generator).where(noisy, self._steps(size, generator))
        eps = share_noise(_noise(clips.latents.shape, generator), known["motion"], self.noise_sharing)
        return _sample(clips.latents, t, eps, known)

    def _twins(self, twins: Pool, step: int, rng: random.Random, generator: torch.Generator) -> Sample:
        """What two clips have in common cancels in the gradient, the noise above all; what tells them apart stays.

        Without them the denoiser hardly learns which way "left" is: few clips go there, and the noise hides it.
        """
        clips = twins.draw(2 * self.config.twins, step, rng)
        known = {"text": self.clip.encode_text([told for told, _ in clips.captions])}
        known["prior"] = self.config.prior_strength * self._priors(clips)
        known |= self._cues(clips, torch.full((2, len(clips)), self.config.cue_dropout == 1))
        t = _noisy_steps(self.config.twins, generator).repeat_interleave(2)
        eps = _noise((self.config.twins, *clips.latents.shape[1:]), generator).repeat_interleave(2, dim=0)
        return _sample(clips.latents, t, share_noise(eps, known["motion"], self.noise_sharing), known)

    def _steps(self, size: int, generator: torch.Generator) -> Tensor:
        return (STEPS * torch.rand(size, generator=generator) ** self.config.time_power).long()

    def _priors(self, clips: Clips) -> Tensor:
        return clips.latents[:, :, self.prior_frame].float()

    def _strengths(self, size: int, generator: torch.Generator) -> Tensor:
        """Of the prior (size,): full for nearly all, anything down to 0 for some, so that it can be faded."""
        strength, faded = torch.rand(2, size, generator=generator)
        return self.config.prior_strength * strength.where(faded < self.config.prior_dropout, 1.0)

    def _cues(self, clips: Clips, untold: Tensor) -> dict[str, Tensor]:
        """Motion and appearance, each `untold` (2, size) for some clips, so that a missing one does no harm."""
        rows = resample_rows(clips.appearance.float())
        return {
            "motion": clips.motion.long().masked_fill(untold[0, :, None], UNTOLD_MOTION),
            "appearance": rows.masked_fill(untold[1, :, None, None], UNTOLD_APPEARANCE),
        }

    def _text(self, captions: list[Captions], rng: random.Random) -> Tensor:
        """Of three in ten the second caption; some are left out."""
        told = (pair[rng.random() < 0.3] for pair in captions)
        return self.clip.encode_text(["" if rng.random() < self.config.caption_dropout else words for words in told])


def _sample(latents: Tensor, t: Tensor, eps: Tensor, known: dict[str, Tensor]) -> Sample:
    x0 = latents.float()
    return Sample(add_noise(x0, eps, t), t, known, velocity(x0, eps, t))


def _noisy_steps(size: int, generator: torch.Generator) -> Tensor:
    return (NOISY + (STEPS - NOISY) * torch.rand(size, generator=generator)).long()


def _noise(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """White noise of clips (b, c, f, h, w), and a share of it common to all positions of a frame."""
    white = torch.randn(shape, generator=generator)
    return white + OFFSET * torch.randn((*shape[:3], 1, 1), generator=generator)


class Denoise(nn.Module):
    def __init__(self, unet: UNet):
        super().__init__()
        self.unet = unet

    def forward(self, batch: dict[str, Sample]) -> dict[str, Tensor]:
        return {name: self.unet(sample.x, sample.t, **sample.known) for name, sample in batch.items()}


def losses(model: nn.Module, batch: dict[str, Sample]) -> dict[str, Tensor]:
    return {name: F.mse_loss(v.float(), batch[name].target) for name, v in model(batch).items()}


def prepared(unet: UNet) -> UNet:
    """A fresh network with unit gain between its residual branches, which stay silent at the start."""
    for layer in unet.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear) and layer.weight.any():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return unet


def for_pictures(unet: UNet) -> UNet:
    """A network with the same spatial stage that knows nothing of videos: temporal layers, prior and cues start anew.

    What the zero prior and the cues of a still add to a picture becomes part of the biases.
    """
    fresh = prepared(UNet(unet.config))
    fresh.info = unet.info
    temporal = (name for name, layer in unet.named_modules() if isinstance(layer, TemporalConv | TemporalTransformer))
    anew = tuple(f"{name}." for name in (*temporal, "embedding.motion", "embedding.appearance", "down.0.0.prior"))
    kept = {name: weight for name, weight in unet.state_dict().items() if not name.startswith(anew)}
    fresh.load_state_dict(kept, strict=False)
    for layer in (fresh.embedding.motion[-1], fresh.embedding.appearance[-1], _stem(fresh).prior):
        silence(layer)
    told = unet.embedding
    with torch.no_grad():
        still = told.motion(sinusoid(torch.zeros(()), told.dim)) + told.appearance(torch.ones(APPEARANCE_WIDTH))
        fresh.embedding.time[-1].bias += still
        tensors(_stem(fresh).conv)["bias"] += tensors(_stem(unet).prior)["bias"]
    return fresh


def _stem(unet: UNet) -> Stem:
    first = unet.get_submodule("down.0.0")
    assert isinstance(first, Stem)
    return first


def _network(config: DenoiserTraining) -> UNet:
    if not config.init:
        return prepared(UNet(config_of(config.network, UNetConfig, {"mini": MINI, "released": RELEASED})))
    unet = owned(load_unet(config.init))
    return for_pictures(unet) if config.keep == "pictures" else unet


def main(config: DenoiserTraining) -> None:
    """Trains in `config.out`, with the two other networks there or those that the config names."""
    torch.manual_seed(config.seed)
    device = own_device()
    vae = load_vae(config.vae or config.out / "vae.safetensors", device=device)
    clip = load_clip(config.clip or config.out / "clip.safetensors", device=device)
    unet = _network(config)
    world = sprite_world(config, vae, clip) if config.data == "sprites" else video_world(config, vae, clip, unet.info)
    facts = {"prior_frame": 0, "noise_sharing": 0.0} | unet.info | world.facts
    wanted = {name: getattr(config, name) for name in ("noise_sharing", "appearance_guidance")}
    facts |= {name: value for name, value in wanted.items() if value is not None}
    unet.info = facts

    def export(model: Denoise, step: int) -> None:
        save_network(config.out / "denoiser.safetensors", model.unet, torch.float16, **facts | {"steps": step})

    def preview(model: Denoise) -> Tensor:
        return sampled(
            model.unet.to(device),
            vae,
            clip,
            list(config.prompts) or world.prompts,
            facts["frames"],
            (facts["height"], facts["width"]),
            config.sample_steps,
            config.sample_guidance,
        )

    batches = ClipBatches(world, clip, config, facts)
    train(Denoise(unet), batches, losses, config, export, preview)
