"""The denoiser's training on sprites: paired clips, and the start of the comparison with a baseline."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from ...diffusion.noise import correlate_noise
from ...models.clip import CLIP
from ...models.embedding import APPEARANCE_WIDTH, sinusoid
from ...models.info import ModelInfo
from ...models.layers import zero_module
from ...models.temporal import TemporalConv, TemporalTransformer
from ...models.unet import UNet
from ...models.vae import VAE
from ..data.clips import Clips, LatentEncoder, Pool, rgb_factors
from ..data.data_set import DataSet
from ..denoiser import (
    ClipBatches,
    Sample,
    frozen_networks,
    high_noise_timesteps,
    init_weights,
    network_of,
    run,
    trained_info,
    video_noise,
)
from ..loop import own_device
from .clips import FIRST_SHARDS, FirstFrames, HeldOutClips, PairedClips, SpriteClips
from .config import SpriteDenoiserTraining
from .images import random_images
from .scenes import FPS, FRAMES, MOTION_SCALE, SIZE, caption, render, sample_scene, vocabulary

HELD_OUT = 32
"""Clips whose loss is measured."""


@dataclass(frozen=True)
class SpriteDataSet(DataSet):
    """The emoji data set; `paired_clips` has the two clips of each pair one after the other."""

    paired_clips: Pool


def sprite_data_set(config: SpriteDenoiserTraining, vae: VAE, clip: CLIP, info: ModelInfo) -> SpriteDataSet:
    """Files of clips in `config.out`, which are written as the training needs them, by the processes that make batches:
    on the CPU, as these cannot use a GPU.

    `info` is that of the weights to train, for what the data set does not decide.
    """
    floor = sprite_similarity_floor(clip)
    encoder = LatentEncoder(copy.deepcopy(vae).cpu(), copy.deepcopy(clip).cpu(), MOTION_SCALE, floor)
    cache: dict[str, Any] = {"shard_frames": config.shard_frames, "seed": config.seed}
    growth = {"shards": config.shards, "start": config.spatial_warmup_steps, "grow": config.grow}
    images = FirstFrames(config.out / "images", encoder, 1, shards=FIRST_SHARDS, start=0, grow=1, **cache)
    clips = SpriteClips(config.out / "clips", encoder, FRAMES, **growth, **cache)
    pairs = PairedClips(config.out / "pairs", encoder, FRAMES, pair_types=config.pair_types, **growth, **cache)
    info = replace(
        info,
        frames=FRAMES,
        fps=FPS,
        width=SIZE,
        height=SIZE,
        motion_scale=MOTION_SCALE,
        similarity_floor=encoder.similarity_floor,
        vocabulary=tuple(vocabulary()),
        **rgb_factors(vae, random_images("rgb", 128).to(own_device())),
    )
    rng = random.Random("samples")
    prompts = [caption(sample_scene(rng, held_out=True), rng) for _ in range(4)]
    unseen = {"shards": 1, "start": 0, "grow": 1, "shard_frames": HELD_OUT * FRAMES, "seed": config.seed}
    held_out = HeldOutClips(config.out / "held_out", encoder, FRAMES, **unseen) if config.eval_every else None
    return SpriteDataSet(images, clips, info, prompts, held_out=held_out, paired_clips=pairs)


@torch.no_grad()
def sprite_similarity_floor(clip: CLIP, clips: int = 256) -> float:
    """The cosine similarity of first and last frame: of clips with a change of appearance, the 5th percentile.

    So the clips fill the range of the appearance cue, as MOTION_SCALE makes them fill that of the motion cue.
    """
    rng = random.Random("floor 0")
    scenes = (sample_scene(rng) for _ in count())
    changing = islice((scene for scene in scenes if scene.change != "none"), clips)
    ends = torch.cat([render(scene, frames=2) for scene in changing]).to(own_device())
    first, last = rearrange(clip.encode_image(ends), "(n ends) d -> ends n d", ends=2)
    return round(float(torch.cosine_similarity(first, last).quantile(0.05)), 3)


class SpriteClipBatches(ClipBatches):
    """Adds a `Sample` of paired clips, and scales priors by `prior_strength`."""

    data_set: SpriteDataSet
    config: SpriteDenoiserTraining

    def _samples(self, step: int, rng: random.Random, generator: torch.Generator) -> dict[str, Sample]:
        samples = super()._samples(step, rng, generator)
        if self.config.paired_clips and step >= self.config.spatial_warmup_steps:
            samples["paired"] = self._paired_clips(self.config.paired_clips, step, rng, generator)
        return samples

    def _paired_clips(self, pairs: int, step: int, rng: random.Random, generator: torch.Generator) -> Sample:
        """Pairs of clips with one prior, time step and noise: in the gradient, only their difference does not cancel.

        Without them the denoiser hardly learns to follow directions: few clips go to the left, and noise hides them.
        """
        clips = self.data_set.paired_clips.draw(2 * pairs, step, rng)
        conditions = {"text": clips.text[:, 0].float()}
        conditions["prior"] = self.config.prior_strength * clips.latents[:, :, 0].float()
        conditions |= self._cues(clips, null=torch.full((2, len(clips)), self.config.cue_dropout == 1))
        t = high_noise_timesteps(torch.rand(pairs, generator=generator)).repeat_interleave(2)
        eps = video_noise((pairs, *clips.latents.shape[1:]), generator).repeat_interleave(2, dim=0)
        eps = correlate_noise(eps, conditions["motion"], self.info.noise_correlation)
        return Sample.noisy(clips, t, eps, conditions)

    def _priors(self, clips: Clips, generator: torch.Generator) -> Tensor:
        return self.config.prior_strength * super()._priors(clips, generator)


def keep_spatial(unet: UNet) -> UNet:
    """A network with the same spatial stage whose temporal layers, prior and cues are initialized anew.

    What the zero prior and the cues of a single frame add to an image becomes part of the biases.
    """
    fresh = init_weights(UNet(unet.config))
    fresh.info = unet.info
    temporal = (name for name, layer in unet.named_modules() if isinstance(layer, TemporalConv | TemporalTransformer))
    anew = tuple(f"{name}." for name in (*temporal, "embedding.motion", "embedding.appearance", "down.0.0.prior"))
    kept = {name: weight for name, weight in unet.state_dict().items() if not name.startswith(anew)}
    fresh.load_state_dict(kept, strict=False)
    for name in ("embedding.motion.2", "embedding.appearance.2", "down.0.0.prior"):
        zero_module(fresh.get_submodule(name))
    embedding = unet.embedding
    with torch.no_grad():
        motion = embedding.motion(sinusoid(torch.zeros(()), embedding.dim))
        fresh.embedding.time[-1].bias += motion + embedding.appearance(torch.ones(APPEARANCE_WIDTH))
        fresh.get_parameter("down.0.0.conv.bias").add_(unet.get_parameter("down.0.0.prior.bias"))
    return fresh


def main(config: SpriteDenoiserTraining) -> None:
    """Trains on sprites in `config.out`, with the two other networks there or those that the config names."""
    torch.manual_seed(config.seed)
    vae, clip = frozen_networks(config)
    unet = network_of(config)
    unet = keep_spatial(unet) if config.keep == "spatial" else unet
    data_set = sprite_data_set(config, vae, clip, unet.info)
    info = trained_info(config, data_set.info)
    run(config, unet, vae, clip, data_set, SpriteClipBatches(data_set, clip, config, info))
