"""What a denoiser is trained on: images, clips, and what the users of its weights must know of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from ...cues.extraction import cue_options
from ...models.clip import CLIP
from ...models.info import ModelInfo
from ...models.vae import VAE
from ..config import ClipTraining
from ..loop import own_device, process
from .clips import LatentEncoder, Pool, measure_similarity_floor, rgb_factors
from .video_cache import Format, Stills, VideoClips, first_images
from .video_index import parts_of

SAMPLED_IMAGES = 128
"""Images that the similarity floor and the map from latents to colors are measured on."""


@dataclass(frozen=True)
class DataSet:
    """`info` describes the clips, for the metadata of the weights; `prompts` are for samples while training."""

    images: Pool
    clips: Pool
    info: ModelInfo
    prompts: list[str]


def video_data_set(config: ClipTraining, vae: VAE, clip: CLIP, info: ModelInfo) -> DataSet:
    """Videos. They are decoded, encoded and measured once, into `config.out`, by all processes together.

    Args:
        info: of the weights in `config.init`: the value of every property of the clips that the config does not set.

    Raises:
        ValueError: there is no `init` and the config does not set a property either, or no video can be used.
    """
    format = Format(**{name: _property(name, config, info) for name in ("frames", "fps", "width", "height")})
    for side in (format.width, format.height):
        if side % vae.downscale:
            raise ValueError(
                f"width and height must be multiples of {vae.downscale}, got {format.width}x{format.height}"
            )
    parts = parts_of(config.data)
    images = first_images(parts, format, SAMPLED_IMAGES).to(own_device())
    floor = config.similarity_floor
    if floor is None:
        floor = cue_options(info)["floor"] if config.init else measure_similarity_floor(clip, images)
    scale = config.motion_scale or info.motion_scale
    encoder = LatentEncoder(vae, clip, scale, floor)
    folder, size = config.out / "videos", config.shard_frames
    clips = VideoClips(folder, parts, encoder, format, windows=config.windows, size=size)
    clips.prepare(process())
    info = replace(info, **asdict(format), motion_scale=scale, similarity_floor=floor, **rgb_factors(vae, images))
    return DataSet(Stills(clips), clips, info, clips.captions(4))


def _property(name: str, config: ClipTraining, info: ModelInfo) -> Any:
    value = getattr(config, name)
    if value is None and not config.init:
        raise ValueError(f"{name} is needed: it is not set, and without init there are no weights that have it")
    return getattr(info, name) if value is None else value
