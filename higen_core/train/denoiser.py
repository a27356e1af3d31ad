"""Joint training of both stages (paper, section 3.4): images for the spatial one, clips for the temporal one.

The prior of a clip is its first frame; its cues are measured on its pixels.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..cues.cues import NULL_APPEARANCE, NULL_MOTION, resample_rows
from ..diffusion.noise import OFFSET_NOISE, correlate_noise
from ..diffusion.schedule import STEPS, add_noise, velocity
from ..models.clip import CLIP
from ..models.config import MINI, RELEASED, UNetConfig
from ..models.info import ModelInfo
from ..models.unet import UNet
from ..models.vae import VAE
from ..weights.checkpoint import load_clip, load_unet, load_vae, save_network
from .augment import repeat_frames
from .checkpoint import trainable
from .config import ClipTraining, DenoiserTraining, network_config
from .data.clips import Clips
from .data.data_set import DataSet, video_data_set
from .loop import own_device, train
from .memory.blocks import checkpoint_blocks
from .preview import Film, sample_sheet

HIGH_NOISE = 600
"""The first time step of `high_noise_prob`."""
WEIGHTS = {"fp32": torch.float32, "bf16": torch.bfloat16}
SECOND_CAPTION_PROB = 0.3
"""Probability of the second caption of a clip."""


@dataclass(frozen=True)
class Sample:
    """One forward pass: noisy latents x, time steps t and conditions of the denoiser, and the velocity to predict.

    `weight` (b, 1, f, h, w) is that of the error at each place, on average 1 in each clip; None: 1 everywhere.
    """

    x: Tensor
    t: Tensor
    conditions: dict[str, Tensor]
    target: Tensor
    weight: Tensor | None = None

    @classmethod
    def noisy(cls, clips: Clips, t: Tensor, eps: Tensor, conditions: dict[str, Tensor]) -> Sample:
        """The clips' latents with the noise eps at time steps t (b,); the error counts where the clips' mask is set."""
        x0 = clips.latents.float()
        weight = None if clips.mask is None else clips.mask[:, None].float()
        if weight is not None:
            weight = weight / weight.mean((1, 2, 3, 4), keepdim=True).clamp(min=1e-4)  # a still may have an empty mask
        return cls(add_noise(x0, eps, t), t, conditions, velocity(x0, eps, t), weight)

    def to(self, device: torch.device, **_: Any) -> Sample:
        conditions = {name: value.to(device) for name, value in self.conditions.items()}
        weight = None if self.weight is None else self.weight.to(device)
        return Sample(self.x.to(device), self.t.to(device), conditions, self.target.to(device), weight)


class ClipBatches:
    """A `Sample` of images and, after the spatial warmup, one of clips.

    The text states come with the clips; `clip` is needed for that of the empty caption. `info` is that of the weights
    to train. No network is kept, so that batches can be made in other processes.
    """

    def __init__(self, data_set: DataSet, clip: CLIP, config: DenoiserTraining, info: ModelInfo):
        self.data_set, self.config, self.info = data_set, config, info
        with torch.no_grad():
            self.uncond = clip.encode_text([""])[0].float().cpu()

    @torch.no_grad()
    def __call__(self, step: int, index: int) -> dict[str, Sample]:
        rng = random.Random(f"batch {self.config.seed} {index}")
        return self._samples(step, rng, torch.Generator().manual_seed(self.config.seed * 1_000_003 + index))

    def _samples(self, step: int, rng: random.Random, generator: torch.Generator) -> dict[str, Sample]:
        config = self.config
        if step < config.spatial_warmup_steps:
            return {"image": self._images(2 * config.images, step, rng, generator)}
        samples = {"image": self._images(config.images, step, rng, generator)} if config.images else {}
        return samples | {"video": self._videos(config.videos, step, rng, generator)}

    def _images(self, size: int, step: int, rng: random.Random, generator: torch.Generator) -> Sample:
        images = self.data_set.images.draw(size, step, rng)
        t = power_timesteps(torch.rand(size, generator=generator), self.config.timestep_power)
        eps = torch.randn(images.latents.shape, generator=generator)
        return Sample.noisy(images, t, eps, {"text": self._text(images, rng)})

    def _videos(self, size: int, step: int, rng: random.Random, generator: torch.Generator) -> Sample:
        config = self.config
        clips = self.data_set.clips.draw(size, step, rng)
        clips = repeat_frames(clips, config.static_clip_prob, config.pause_prob, generator)
        conditions = {"text": self._text(clips, rng)}
        conditions |= self._cues(clips, null=torch.rand(2, size, generator=generator) < config.cue_dropout)
        conditions["prior"] = self._priors(clips, generator)
        high_noise = torch.rand(size, generator=generator) < config.high_noise_prob
        t = high_noise_timesteps(torch.rand(size, generator=generator))
        t = t.where(high_noise, power_timesteps(torch.rand(size, generator=generator), config.timestep_power))
        eps = video_noise(clips.latents.shape, generator)
        eps = correlate_noise(eps, conditions["motion"], self.info.noise_correlation)
        return Sample.noisy(clips, t, eps, conditions)

    def _text(self, clips: Clips, rng: random.Random) -> Tensor:
        """Text states (b, l, d) of one caption of each clip, or of the empty one."""
        last = clips.text.shape[1] - 1
        chosen = (states[min(last, int(rng.random() < SECOND_CAPTION_PROB))].float() for states in clips.text)
        return torch.stack([self.uncond if rng.random() < self.config.caption_dropout else text for text in chosen])

    def _cues(self, clips: Clips, null: Tensor) -> dict[str, Tensor]:
        """Motion and appearance; `null` (2, n) says for which clips each of them is the null cue."""
        rows = resample_rows(clips.appearance.float())
        return {
            "motion": clips.motion.long().masked_fill(null[0, :, None], NULL_MOTION),
            "appearance": rows.masked_fill(null[1, :, None, None], NULL_APPEARANCE),
        }

    def _priors(self, clips: Clips, generator: torch.Generator) -> Tensor:
        """The first frame of each clip; some are faded by a random strength, so that `prior_strength` works."""
        strength, u = torch.rand(2, len(clips), generator=generator)
        strength = strength.where(u < self.config.prior_dropout, 1.0)
        return clips.latents[:, :, 0].float() * strength.view(-1, 1, 1, 1)


def power_timesteps(u: Tensor, power: float) -> Tensor:
    """Time steps 1000 u^power for u in [0, 1). The power or the product may round up to 1000: that becomes 999."""
    return (STEPS * u**power).long().clamp(max=STEPS - 1)


def high_noise_timesteps(u: Tensor) -> Tensor:
    """Uniform time steps in 600..999 for u in [0, 1), with the same care for rounding."""
    return (HIGH_NOISE + (STEPS - HIGH_NOISE) * u).long().clamp(max=STEPS - 1)


def video_noise(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """White noise of clips (b, c, f, h, w) plus offset noise, as the temporal stage samples with."""
    white = torch.randn(shape, generator=generator)
    return white + OFFSET_NOISE * torch.randn((*shape[:3], 1, 1), generator=generator)


class Denoise(nn.Module):
    """The velocity of each sample of a batch in one forward pass, as data-parallel wrappers need it."""

    def __init__(self, unet: UNet):
        super().__init__()
        self.unet = unet

    def forward(self, batch: dict[str, Sample]) -> dict[str, Tensor]:
        return {name: self.unet(sample.x, sample.t, **sample.conditions) for name, sample in batch.items()}


def losses(model: nn.Module, batch: dict[str, Sample]) -> dict[str, Tensor]:
    """The mean squared error of the velocity, of images and of clips, where their masks are set."""
    return {name: _error(v.float(), batch[name]) for name, v in model(batch).items()}


def _error(v: Tensor, sample: Sample) -> Tensor:
    if sample.weight is None:
        return F.mse_loss(v, sample.target)
    return (sample.weight * (v - sample.target).square()).mean()


def init_weights(unet: UNet) -> UNet:
    """Initializes a network from scratch: unit gain between the residual branches, which are zero at the start."""
    for layer in unet.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear) and layer.weight.any():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return unet


def network_of(config: DenoiserTraining) -> UNet:
    """The network to train: that in `init`, or one from scratch."""
    if config.init:
        return trainable(load_unet(config.init, WEIGHTS[config.weights]))
    return init_weights(UNet(network_config(config.network, UNetConfig, {"mini": MINI, "released": RELEASED}))).to(
        WEIGHTS[config.weights]
    )


def frozen_networks(config: ClipTraining) -> tuple[VAE, CLIP]:
    """The autoencoder and the towers that go with the denoiser, on the device of this process."""
    vae = load_vae(config.vae or config.out / "vae.safetensors", device=own_device())
    return vae, load_clip(config.clip or config.out / "clip.safetensors", device=own_device())


def trained_info(config: DenoiserTraining, info: ModelInfo) -> ModelInfo:
    """The info of the weights to train: that of the data set, with what the config sets of how to sample."""
    names = ("noise_correlation", "appearance_guidance", "timestep_spacing")
    return replace(info, **{name: getattr(config, name) for name in names if getattr(config, name) is not None})


def export_network(config: DenoiserTraining, unet: UNet, step: int) -> None:
    """Writes the whole network."""
    info = replace(unet.info, steps=step)
    save_network(config.out / "denoiser.safetensors", unet, torch.float16, **info.to_metadata())


def run(
    config: DenoiserTraining,
    unet: UNet,
    vae: VAE,
    clip: CLIP,
    data_set: DataSet,
    batches: ClipBatches,
    save: Callable[[Any, UNet, int], None] = export_network,
) -> None:
    """Trains `unet` on the batches; `save` writes it at every checkpoint; the config may ask for samples."""
    measured = {"motion_response": (), "schedules": {}}  # with the weights that the training starts from
    unet.info = replace(batches.info, training=config.to_metadata(), **measured)
    prompts = list(config.prompts) or data_set.prompts

    def export(model: Denoise, step: int) -> None:
        save(config, model.unet, step)

    def preview(model: Denoise) -> Film:
        network = model.unet.to(own_device())
        return sample_sheet(network, vae, clip, prompts, config.sample_steps, config.sample_guidance)

    if config.checkpointing:
        checkpoint_blocks(unet)
    evaluate = evaluation(config, vae, clip, prompts, data_set, batches.info) if config.eval_every else None
    train(Denoise(unet), batches, losses, config, export, preview, evaluate)


def evaluation(
    config: DenoiserTraining, vae: VAE, clip: CLIP, prompts: list[str], data_set: DataSet, info: ModelInfo
) -> Callable[[Denoise], dict[str, float]]:
    """What is measured every `config.eval_every` steps: the error of the cues and, with clips that are held out, their
    loss."""
    from .validation.cue_error import cue_error
    from .validation.held_out import HeldOutLoss

    held_out = HeldOutLoss(data_set.held_out, info) if data_set.held_out else None

    def evaluate(model: Denoise) -> dict[str, float]:
        unet = model.unet.to(own_device())
        values = cue_error(unet, vae, clip, prompts, config.sample_steps, config.sample_guidance)
        return values | (held_out(unet) if held_out else {})

    return evaluate


def main(config: DenoiserTraining) -> None:
    """Trains on videos in `config.out`, with the two other networks there or those that the config names."""
    torch.manual_seed(config.seed)
    vae, clip = frozen_networks(config)
    unet = network_of(config)
    data_set = video_data_set(config, vae, clip, unet.info)
    info = trained_info(config, data_set.info)
    run(config, unet, vae, clip, data_set, ClipBatches(data_set, clip, config, info))
