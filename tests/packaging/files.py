"""The files of this repository, and Python processes that see an installed copy of the core and not the repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def git_files(*options: str) -> list[str]:
    """Paths that `git ls-files` lists with these options, relative to ROOT; deleted files are left out."""
    if not (ROOT / ".git").exists():
        pytest.skip("only git knows which files belong to the repository", allow_module_level=True)
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *options]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return sorted({path for path in listing.split("\0") if path and (ROOT / path).is_file()})


def repository_files() -> list[str]:
    """What the next commit can contain: tracked files and new ones that git does not ignore."""
    return git_files("--cached", "--others", "--exclude-standard")


def python(*arguments: object, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs Python in folder `cwd`, with `path` before the installed packages."""
    command = [sys.executable, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(path), "COLUMNS": "200"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)  # noqa: S603
