"""The two ways in which users get the code: a wheel, and the node pack that ComfyUI's registry distributes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .files import ROOT, git_files, repository_files


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    assert run.returncode == 0, run.stdout + run.stderr


def copy(paths: list[str], folder: Path) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of the whole repository, so that no earlier build is mixed in."""
    source, out = copy(repository_files(), tmp_path_factory.mktemp("source")), tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", out, source)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Path:
    """Folder with the installed wheel."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-index", "--no-deps", "--target", folder, wheel)
    return folder


@pytest.fixture(scope="session")
def pack(tmp_path_factory) -> Path:
    """Folder with the files that `comfy node pack` takes: those of git without the patterns of .comfyignore."""
    patterns = f"--exclude-from={ROOT / '.comfyignore'}"
    left_out = {*git_files("--cached", "--ignored", patterns), *git_files("--others", "--ignored", patterns)}
    return copy([path for path in repository_files() if path not in left_out], tmp_path_factory.mktemp("pack"))
