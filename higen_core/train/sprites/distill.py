"""Distillation on sprites: captions, first frames and cues of clips of the training split."""

from __future__ import annotations

import torch

from ...weights.checkpoint import read_info
from ..data.clips import LatentEncoder
from ..denoiser import frozen_networks
from ..distillation.student import run
from .clips import FIRST_SHARDS, SpriteClips
from .config import SpriteDistillTraining
from .scenes import FRAMES, MOTION_SCALE


def main(config: SpriteDistillTraining) -> None:
    """Each file of trajectories is drawn from one file of clips more than the file before it."""
    torch.manual_seed(config.seed)
    vae, clip = frozen_networks(config)
    info = read_info(config.init)
    encoder = LatentEncoder(vae, clip, MOTION_SCALE, info.similarity_floor or 0.0)
    clips = SpriteClips(
        config.out / "clips",
        encoder,
        FRAMES,
        shards=config.files + FIRST_SHARDS,
        start=0,
        grow=1,
        shard_frames=config.shard_frames,
        seed=config.seed,
    )
    run(config, clip, clips, info)
