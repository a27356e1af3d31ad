"""What a denoiser is trained on: pictures and clips, and the facts of them that its users must know."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from itertools import count, islice
from typing import Any

import torch
from einops import rearrange

from ..cues import MOTION_SCALE
from ..extract import cue_options
from ..text import CLIP
from ..vae import VAE
from . import sprites
from .config import DenoiserTraining
from .data import Measure, Pool, rgb_factors, similarity_floor, sprite_pictures
from .loop import own_device, process
from .sprite_clips import AT_FIRST, SpriteClips, SpritePictures, SpriteTwins
from .video_clips import Format, Stills, VideoClips, first_pictures
from .videos import parts_of


@dataclass(frozen=True)
class World:
    """All that a denoiser is trained on. `facts` go into the weights' metadata, `prompts` are for samples."""

    pictures: Pool
    clips: Pool
    twins: Pool | None
    facts: dict[str, Any]
    prompts: list[str]


def sprite_world(config: DenoiserTraining, vae: VAE, clip: CLIP) -> World:
    """Sprites of their one size, length and rate."""
    for name in ("frames", "fps", "width", "height", "motion_scale", "similarity_floor"):
        if getattr(config, name) is not None:
            raise ValueError(f"{name} cannot be set for sprites: it belongs to them")
    device = own_device()
    floor = _sprite_floor(clip)
    measure = Measure(vae, clip, sprites.MOTION_SCALE, floor)
    size, seed = config.shard_frames, config.seed
    still = SpritePictures(config.out / "pictures", measure, 1, shards=AT_FIRST, start=0, grow=1, size=size, seed=seed)
    growing = {"shards": config.shards, "start": config.picture_steps, "grow": config.grow, "size": size, "seed": seed}
    clips = SpriteClips(config.out / "clips", measure, sprites.FRAMES, **growing)
    twins = SpriteTwins(config.out / "twins", measure, sprites.FRAMES, **growing, kinds=config.twin_kinds)
    facts = {
        "frames": sprites.FRAMES,
        "fps": sprites.FPS,
        "width": sprites.SIZE,
        "height": sprites.SIZE,
        "motion_scale": sprites.MOTION_SCALE,
        "similarity_floor": floor,
        "vocabulary": sprites.vocabulary(),
        **rgb_factors(vae, sprite_pictures("rgb", 128).to(device)),
    }
    rng = random.Random("samples")
    prompts = [sprites.caption(sprites.sample_scene(rng, held_out=True), rng) for _ in range(4)]
    return World(still, clips, twins, facts, prompts)


@torch.no_grad()
def _sprite_floor(clip: CLIP, clips: int = 256) -> float:
    """The similarity of first and last frame in the 5 % of changing clips that change most.

    So the clips fill the range of the appearance cue, as `sprites.MOTION_SCALE` makes them fill that of motion.
    """
    rng = random.Random("floor 0")
    scenes = (sprites.sample_scene(rng) for _ in count())
    changing = islice((scene for scene in scenes if scene.change != "none"), clips)
    ends = torch.cat([sprites.render(scene, frames=2) for scene in changing]).to(own_device())
    first, last = rearrange(clip.encode_image(ends), "(n ends) d -> ends n d", ends=2)
    return round(float(torch.cosine_similarity(first, last).quantile(0.05)), 3)


def video_world(config: DenoiserTraining, vae: VAE, clip: CLIP, info: dict[str, Any]) -> World:
    """Real videos. What the config leaves open is as in `info`, that of the weights to go on from (empty: none)."""
    frames, fps, width, height = (_known(name, config, info) for name in ("frames", "fps", "width", "height"))
    format, device = Format(frames, fps, width, height), own_device()
    for side in (width, height):
        if side % vae.downscale:
            raise ValueError(f"width and height must be multiples of {vae.downscale}, got {width}x{height}")
    if config.twins:
        raise ValueError("twins has to be 0 for videos: only sprites can be drawn twice")
    parts = parts_of(config.data)
    pictures = first_pictures(parts, format, 128).to(device)
    floor = config.similarity_floor
    if floor is None:  # weights without one were told plain cosines, as `extract_cues` gives them to such weights
        floor = cue_options(info)["floor"] if info else similarity_floor(clip, pictures)
    scale = config.motion_scale or info.get("motion_scale", MOTION_SCALE)
    measure = Measure(vae, clip, scale, floor)
    clips = VideoClips(
        config.out / "videos",
        parts,
        measure,
        format,
        windows=config.windows,
        size=config.shard_frames,
    )
    clips.prepare(process())
    facts = asdict(format) | {"motion_scale": scale, "similarity_floor": floor} | rgb_factors(vae, pictures)
    return World(Stills(clips), clips, None, facts, clips.captions(4))


def _known(name: str, config: DenoiserTraining, info: dict[str, Any]) -> Any:
    value = getattr(config, name)
    if value is None and name not in info:
        raise ValueError(f"{name} is needed: neither the config nor the weights in init say it")
    return info[name] if value is None else value
