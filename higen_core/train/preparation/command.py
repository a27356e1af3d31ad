"""`python -m higen_core.train prepare`: shards of clips, made of videos once, here or on a Ray cluster."""

from __future__ import annotations

from ...models.info import ModelInfo
from ...weights.checkpoint import load_clip, load_vae, read_info
from ..config import Preparation
from ..data import files
from ..data.data_set import plan
from ..data.video_cache import PreparedClips, counted, make_shards
from ..loop import own_device, process


def main(config: Preparation) -> None:
    """Makes the shards in `config.out` that are missing.

    Raises:
        ValueError: options that do not fit the networks or the shards that are there, or no video can be used.
    """
    vae = load_vae(config.vae or files.within(config.out, "vae.safetensors"), device=own_device())
    clip = load_clip(config.clip or files.within(config.out, "clip.safetensors"), device=own_device())
    info = read_info(config.init) if config.init else ModelInfo()
    planned = plan(config, config.out, vae, clip, info, config.workers)
    if config.ray:
        from .cluster import make_shards_on_ray

        planned.maker.open(planned.encoder, planned.parts)
        make_shards_on_ray(planned.maker, planned.parts, planned.encoder, config)
    else:
        make_shards(planned.maker, planned.parts, planned.encoder, process())
    counted(PreparedClips(config.out, len(planned.parts)), process())
