"""What a denoiser is trained on: images, clips, and what the users of its weights must know of them."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ...cues.extraction import cue_options
from ...models.clip import CLIP
from ...models.info import ModelInfo
from ...models.prompts import PromptGuide
from ...models.vae import VAE
from ..checkpoint import fingerprint
from ..config import ClipOptions, ClipTraining
from ..loop import own_device, process
from .clips import LatentEncoder, Pool, made_with, measure_similarity_floor, rgb_factors
from .video_cache import PreparedClips, ShardMaker, Stills, counted, make_shards
from .video_frames import Format, first_images
from .video_index import Part, parts_of

SAMPLED_IMAGES = 128
"""Images that the similarity floor and the map from latents to colors are measured on."""
PROPERTIES = ("frames", "fps", "width", "height", "motion_scale", "similarity_floor")
"""Of clips, as the metadata of weights state them."""


@dataclass(frozen=True)
class DataSet:
    """`info` describes the clips, for the metadata of the weights; `prompts` are for samples while training.

    `held_out` are clips of videos that `images` and `clips` have nothing of.
    """

    images: Pool
    clips: Pool
    info: ModelInfo
    prompts: list[str]
    held_out: Pool | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Plan:
    """How the clips of a data set are made. `images` are the first frames of some videos (n, h, w, 3)."""

    maker: ShardMaker
    parts: list[Part]
    encoder: LatentEncoder
    images: Tensor


def plan(config: ClipOptions, folder: str, vae: VAE, clip: CLIP, info: ModelInfo, workers: int) -> Plan:
    """Lists the videos and settles all properties of their clips.

    Args:
        info: of the weights in `config.init`: the value of every property of the clips that the config does not set.

    Raises:
        ValueError: there is no `init` and the config does not set a property either, or no video can be used.
    """
    main = Format(**{name: _property(name, config, info) for name in ("frames", "fps", "width", "height")})
    formats = (main, *(main.bucket(text) for text in config.buckets))
    for format in formats:
        if format.width % vae.downscale or format.height % vae.downscale:
            raise ValueError(
                f"width and height must be multiples of {vae.downscale}, got {format.width}x{format.height}"
            )
    parts = parts_of(config.data, captions=not config.caption_with)
    images = first_images(parts, main, SAMPLED_IMAGES).to(vae.device)
    floor = config.similarity_floor
    if floor is None:
        floor = cue_options(info)["floor"] if config.init else measure_similarity_floor(clip, images)
    encoder = LatentEncoder(vae, clip, config.motion_scale or info.motion_scale, floor)
    maker = ShardMaker(folder, formats, config.windows, config.shard_frames, config.caption_with, workers)
    return Plan(maker, parts, encoder, images)


def video_data_set(config: ClipTraining, vae: VAE, clip: CLIP, info: ModelInfo) -> DataSet:
    """Videos, or shards that were prepared of them.

    Videos are decoded, encoded and measured once, into `config.out`, by all processes together.

    Args:
        info: of the weights in `config.init`, as in `plan`.

    Raises:
        ValueError: as `plan`, or the shards do not fit the config and the networks.
    """
    if (made := made_with(config.data)) is not None:
        _check_prepared(made, config, vae, clip)
        pools = _pools(config, config.data, made["parts"])
        images = _decoded_images(pools[0], vae)
        properties = {name: made[name] for name in PROPERTIES}
    else:
        planned = plan(config, str(config.out / "videos"), vae, clip, info, max(1, config.workers))
        maker, encoder, images = planned.maker, planned.encoder, planned.images
        make_shards(maker, planned.parts, encoder, process())
        pools = _pools(config, maker.folder, len(planned.parts))
        properties = asdict(maker.formats[0])
        properties |= {"motion_scale": encoder.motion_scale, "similarity_floor": encoder.similarity_floor}
    properties |= {"vocabulary": (), "prompts": PromptGuide()}  # captions may have any words
    info = replace(info, **properties, **rgb_factors(vae, images.to(own_device())))
    clips, held_out = pools
    return DataSet(Stills(clips), clips, info, clips.captions(4), held_out=held_out)


def _pools(config: ClipTraining, folder: str, parts: int) -> tuple[PreparedClips, PreparedClips | None]:
    """The clips to train on, and those that are held out: all of some videos, at least of one."""
    clips = counted(PreparedClips(folder, parts), process())
    if not config.held_out:
        return clips, None
    videos = sorted(clips.videos, key=lambda video: zlib.crc32(f"{config.seed} {video}".encode()))
    if len(videos) < 2:
        raise ValueError(f"held_out = {config.held_out} needs two videos that can be used, there is {len(videos)}")
    count = min(max(1, round(config.held_out * len(videos))), len(videos) - 1)
    trained, held_out = frozenset(videos[count:]), frozenset(videos[:count])
    return PreparedClips(folder, parts, trained), PreparedClips(folder, parts, held_out)


def _check_prepared(made: dict[str, Any], config: ClipTraining, vae: VAE, clip: CLIP) -> None:
    """Raises ValueError if shards do not fit; the message says what differs."""
    if "parts" not in made or made.get("content") != "latents, cues, text states":
        raise ValueError(f"data = {config.data!r} holds clips of another training: prepare shards, or name the videos")
    wanted = {name: getattr(config, name) for name in PROPERTIES if getattr(config, name) is not None}
    networks = {"vae": fingerprint(vae), "clip": fingerprint(clip)}
    for name, value in (wanted | networks).items():
        if made[name] != value:
            raise ValueError(
                f"the shards in {config.data} were prepared with {name} {made[name]!r}, now it is {value!r}: "
                "prepare them again in another folder, or train with what they were prepared with"
            )


@torch.no_grad()
def _decoded_images(clips: PreparedClips, vae: VAE) -> Tensor:
    """First frames of clips of one size (n, h, w, 3), from their latents."""
    latents = [clip.latents[:, :, :1].float() for clip in clips.first(SAMPLED_IMAGES)]
    same = torch.cat([latent for latent in latents if latent.shape == latents[0].shape])
    return vae.decode_video(same.to(vae.device), chunk=1)[:, 0]


def _property(name: str, config: ClipOptions, info: ModelInfo) -> Any:
    value = getattr(config, name)
    if value is None and not config.init:
        raise ValueError(f"{name} is needed: it is not set, and without init there are no weights that have it")
    return getattr(info, name) if value is None else value
