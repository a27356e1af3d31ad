"""Puts the images and videos of the example workflows where Load Image and Load Video find them."""

from __future__ import annotations

import logging
from pathlib import Path

import folder_paths

EXAMPLES = Path(__file__).resolve().parents[2] / "workflows" / "inputs"
DOCUMENTS = (".md",)


def provide_inputs(examples: Path = EXAMPLES) -> list[Path]:
    """Copies each example that is missing into ComfyUI's input folder; a file of the same name is kept as it is.

    Without the examples only the workflows that load one are affected, so an input folder that cannot be written is
    logged and does not stop the pack from loading.

    Returns:
        the copies that were made.
    """
    folder = Path(folder_paths.get_input_directory())
    files = [file for file in sorted(examples.glob("*")) if file.is_file() and file.suffix not in DOCUMENTS]
    missing = [file for file in files if not (folder / file.name).exists()]
    try:
        return [copy(file, folder) for file in missing]
    except OSError as error:
        names = ", ".join(file.name for file in missing)
        logging.warning(
            "HiGen: the example inputs %s could not be copied into %s (%s). The workflows that load them need them "
            "there: copy them from %s, or choose other files in the workflows.",
            *(names, folder, error, examples),
        )
        return []


def copy(file: Path, folder: Path) -> Path:
    """Copies a file into a folder that does not have it. Raises OSError; then the folder has no part of it either."""
    target = folder / file.name
    content = file.read_bytes()
    try:
        with target.open("xb") as copied:
            copied.write(content)
    except FileExistsError:  # another ComfyUI was faster
        pass
    except OSError:
        target.unlink(missing_ok=True)
        raise
    return target
