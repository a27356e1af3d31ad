"""Whether what lies under final names is whole: every frame of every video, image and file of weights can be read."""

from __future__ import annotations

import json
from pathlib import Path

import av
import torch
from PIL import Image
from safetensors import safe_open

IMAGES = (".png", ".gif", ".webp")
VIDEOS = (".mp4", ".webm")


def broken(folder: Path) -> str:
    """The first file under a final name that cannot be read as a whole; empty if there is none."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or any(part.startswith(".") or ".partial" in part for part in path.parts):
            continue
        try:
            read(path)
        except Exception as error:  # whatever a reader raises, the file is broken
            return f"{path.name} is broken: {error}"
    return ""


def read(path: Path) -> None:
    """Reads all of a file; raises an error if it is not whole."""
    if path.suffix in IMAGES:
        with Image.open(path) as image:
            for i in range(getattr(image, "n_frames", 1)):
                image.seek(i)
                image.load()
    elif path.suffix in VIDEOS:
        with av.open(str(path)) as container:
            if not sum(1 for _ in container.decode(video=0)):
                raise ValueError("no frames")
    elif path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                file.get_tensor(name)
    elif path.suffix == ".pt":
        torch.load(path, weights_only=True)


def unfinished(folder: Path) -> str:
    """Hidden and temporary files of this pack below a folder; empty if there are none."""
    paths = {str(path.relative_to(folder)) for part in (".part", ".partial") for path in folder.rglob(f"*{part}*")}
    return f"unfinished files are left: {', '.join(sorted(paths))}" if paths else ""


def incomplete_sets(folder: Path) -> str:
    """Sets of png frames that are not those of a whole video, from 0 on without gaps; empty if there are none."""
    sets: dict[str, dict[int, Path]] = {}
    for path in folder.rglob("*_????.png"):
        stem, _, number = path.stem.rpartition("_")
        sets.setdefault(stem, {})[int(number)] = path
    incomplete = [
        stem for stem, paths in sets.items() if set(paths) != set(range(frames_of(next(iter(paths.values())))))
    ]
    return f"incomplete set of png frames: {', '.join(incomplete)}" if incomplete else ""


def frames_of(path: Path) -> int:
    """Frames of the video that a png file is of, by the prompt in it."""
    with Image.open(path) as image:
        nodes = json.loads(image.text["prompt"]).values()
    (frames,) = (node["inputs"]["frames"] for node in nodes if "frames" in node["inputs"])
    (ping_pong,) = (node["inputs"]["ping_pong"] for node in nodes if "ping_pong" in node["inputs"])
    return max(frames, 2 * frames - 2) if ping_pong else frames
