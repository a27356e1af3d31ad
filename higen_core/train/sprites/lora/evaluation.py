"""What the two LoRAs teach, and what they leave alone, by template matching; and the gallery of their combinations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from einops import repeat
from torch import Tensor
from tqdm import tqdm

from ....cues.cues import Cues
from ....weights.lora import load_lora
from ..evaluation.benchmark import Bench
from ..evaluation.metrics import CALM, prompt_fidelity
from ..evaluation.motion import bench_of
from ..evaluation.template_matching import ALL_OBJECTS, match_frame, track_sprite
from ..scenes import FPS, FRAMES
from .clips import clips, zigzag

GALLERY = "a heart moving in a zigzag on a yellow background"
ZOOM = 2
COMBINATIONS = {"mini": (), "motion": ("motion",), "appearance": ("appearance",), "both": ("motion", "appearance")}


def evaluate(
    motion: Path, appearance: Path, out: Path, count: int = 32, seed: int = 0, appearance_strength: float = 1.0
) -> None:
    """Measures mini without and with each LoRA on held-out scenes: writes lora.json and gallery.webp in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    files = {"motion": (motion, 1.0), "appearance": (appearance, appearance_strength)}
    figures: dict[str, Any] = {"count": count, "appearance_strength": appearance_strength}
    videos = []
    with tqdm(desc="measuring", unit="video") as progress:
        for name, loras in COMBINATIONS.items():
            bench = bench_of("mini", seed, progress)
            for lora in loras:
                load_lora(bench.model.unet, *files[lora])
            if name != "both":
                figures[name] = measure(bench, count)
                print(json.dumps({name: figures[name]}), flush=True)
            videos.append(gallery_video(bench))
    (out / "lora.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    write_gallery(torch.cat(videos, dim=2), out / "gallery.webp")


def measure(bench: Bench, count: int) -> dict[str, float]:
    """The path and the new object that LoRAs teach, and on prompts without them, what mini could do before.

    Half as many videos are made for the path as for the prompts.
    """
    fidelity, _ = prompt_fidelity(bench, count)
    kept = {name: fidelity[name] for name in ("object_in_prior", "object_in_video", "background", "direction")}
    captions = [clip.caption for clip in clips("heart", count, bench.seed, held_out=True)]
    priors = bench.priors(captions)
    videos = bench.videos(captions, priors, Cues.constant(FRAMES, CALM, 0.0))
    hearts = {"heart_in_prior": hearts_in(bench.decode(priors)), "heart_in_video": hearts_in(videos[:, -1])}
    return {"path_error_px": path_error(bench, count // 2)} | hearts | kept


def hearts_in(images: Tensor) -> float:
    """The fraction of images (n, h, w, 3) that show a heart."""
    return sum(match_frame(image, ALL_OBJECTS).object == "heart" for image in images) / len(images)


def path_error(bench: Bench, count: int) -> float:
    """Mean distance in pixels of the sprite from the zigzag, in videos of its captions and first frames."""
    scenes = clips("zigzag", count, bench.seed, held_out=True)
    renders = torch.stack([clip.frames() for clip in scenes])
    cues = Cues.constant(FRAMES, round(float(bench.motion(renders).mean())), 0.0)
    videos = bench.videos([clip.caption for clip in scenes], bench.encode(renders[:, 0]), cues)
    return sum(distance_from_path(video) for video in videos) / count


def distance_from_path(video: Tensor) -> float:
    """Mean distance in pixels of the sprite of a video (f, h, w, 3) from the zigzag that begins where it does."""
    centers = track_sprite(video).centers
    return float((centers - centers[0] - zigzag(len(centers))).norm(dim=1).mean())


def gallery_video(bench: Bench) -> Tensor:
    """Frames (f, h, w, 3) of the gallery's prompt, from text alone."""
    return bench.videos([GALLERY], bench.priors([GALLERY]), Cues.constant(FRAMES, 600, 0.0))[0]


def write_gallery(video: Tensor, path: Path) -> None:
    """Writes frames (f, h, w, 3) in [0, 1] as an animation."""
    from PIL import Image

    pixels = (repeat(video, "f h w c -> f (h y) (w x) c", y=ZOOM, x=ZOOM).clamp(0, 1) * 255).round().byte().numpy()
    first, *rest = [Image.fromarray(frame) for frame in pixels]
    first.save(path, save_all=True, append_images=rest, duration=1000 // FPS, loop=0)
