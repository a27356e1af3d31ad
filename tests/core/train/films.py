"""Short captioned videos to train on."""

from pathlib import Path

from .. import videos


def film(path: Path, frames: int = 8, fps: int = 8, seed: int = 0) -> Path:
    """A soft texture that moves by a pixel a frame, 48x40 pixels, captioned with the file's name."""
    image = videos.textured(seed, 48)[:40]
    path.parent.mkdir(parents=True, exist_ok=True)
    videos.write(path, (image.roll(i, 1) for i in range(frames)), fps=fps)
    path.with_suffix(".txt").write_text(f"film {path.stem}")
    return path


def films(folder: Path) -> Path:
    """A folder of three videos of 20 frames."""
    for i, name in enumerate(("a", "b", "c")):
        film(folder / f"{name}.mp4", frames=20, seed=i)
    return folder
