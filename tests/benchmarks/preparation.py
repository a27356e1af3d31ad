"""What `python -m higen_core.train prepare` costs: seconds per clip by part, and days of N machines per million clips.

    python -m tests.benchmarks.preparation [--network released] [--device cuda] [--video FILE] [--cores 16]

On a CPU, seconds are those of one core (process time), so that other programs matter little. The released networks
have random weights. Few frames and layers are measured on a CPU, and the time is scaled to whole clips and networks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from higen_core.models.clip import CLIP
from higen_core.models.config import MINI_CLIP, MINI_VAE, RELEASED_CLIP, RELEASED_VAE
from higen_core.models.info import ModelInfo
from higen_core.models.vae import VAE
from higen_core.train.data.clips import bf16_autocast, encode_images
from higen_core.train.data.video_frames import Format, read_windows
from higen_core.train.data.video_index import Video
from higen_core.weights.checkpoint import read_info

from ..core import videos

NETWORKS = {"mini": (MINI_VAE, MINI_CLIP), "released": (RELEASED_VAE, RELEASED_CLIP)}
FRAMES = {"mini": 16, "released": 1}
"""Frames that are encoded on a CPU."""
LAYERS = 4
"""Layers of the released towers that are measured on a CPU; their time is that of all, by the number of layers."""
MILLION, DAY = 1_000_000, 86_400


def seconds(work: Callable[[], object], device: torch.device, repeat: int) -> float:
    """Of one call: of one core on a CPU; of the clock on a GPU, where the first call is not counted."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    if device.type == "cuda":
        work()
    since = clock()
    for _ in range(repeat):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (clock() - since) / repeat


@torch.no_grad()
def measure(network: str, device: torch.device, video: str, repeat: int) -> dict[str, float]:
    """Seconds per clip of each part."""
    info = read_info("mini") if network == "mini" else ModelInfo()
    format = Format(info.frames, info.fps, info.width, info.height)
    vae_config, clip_config = NETWORKS[network]
    frames = FRAMES[network] if device.type == "cpu" else info.frames
    images = torch.rand(frames, info.height, info.width, 3, device=device)
    film = Video("film", video, "a film")
    vae = VAE(vae_config).eval().to(device)

    def encode() -> None:
        with bf16_autocast(device):
            encode_images(vae, images)

    short = (replace(format, frames=8),)  # the films of the tests are short
    decode = seconds(lambda: read_windows(film, short, 1), torch.device("cpu"), repeat)
    parts = {"decode": decode * info.frames / 8}
    parts["autoencoder"] = seconds(encode, device, repeat) * info.frames / frames
    vision, text = clip_config.vision_cfg.layers, clip_config.text_cfg.layers
    if network == "released" and device.type == "cpu":
        vision_cfg, text_cfg = (replace(part, layers=LAYERS) for part in (clip_config.vision_cfg, clip_config.text_cfg))
        clip_config = replace(clip_config, vision_cfg=vision_cfg, text_cfg=text_cfg)
    clip = CLIP(clip_config).eval().to(device)
    vision, text = vision / clip_config.vision_cfg.layers, text / clip_config.text_cfg.layers
    towers = (
        seconds(lambda: clip.encode_image(images), device, repeat),
        seconds(lambda: clip.encode_text(["a film of a cat"]), device, repeat),
    )
    parts["image tower"] = towers[0] * vision * info.frames / frames
    parts["text tower"] = towers[1] * text
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="mini")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--video", default=str(videos.real("bigbuckbunny")))
    parser.add_argument("--cores", type=int, default=16, help="of a machine of the cluster (16)")
    parser.add_argument("--gpus", type=int, default=1, help="of a machine of the cluster, with --device cuda (1)")
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    parts = measure(options.network, device, options.video, options.repeat)
    for name, value in parts.items():
        print(f"{name}: {value:.3g} s per clip", flush=True)
    encoding = sum(value for name, value in parts.items() if name != "decode")
    if device.type == "cpu":
        clip = (parts["decode"] + encoding) / options.cores
    else:
        clip = max(parts["decode"] / options.cores, encoding / options.gpus)
    for machines in (1, 4, 16, 64):
        print(f"{machines} machines: {MILLION * clip / machines / DAY:.3g} days per million clips (computed)")


if __name__ == "__main__":
    main()
