"""A ComfyUI as a user has it: a folder and a virtual environment of its own, in which packages can be installed.

The environment sees the packages that the tests run with, without those in HIDDEN. Only it is installed into.
"""

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

from ..comfyui.paths import comfyui_path
from ..comfyui.server import FOLDERS, PACK_FOLDER, ComfyServer

HIDDEN = ("open_clip",)
"""Beginnings of names in site-packages: requirements of the pack that ComfyUI does not have, to be installed anew."""


class Environment:
    """A virtual environment with packages of the package index.

    Args:
        folder: where it is made.
        packages: their requirements.
        shared: a folder whose packages can be imported too.
    """

    def __init__(self, folder: Path, *packages: str, shared: Path | None = None):
        self.folder = folder
        venv.create(folder, with_pip=True)
        if shared:
            (self.site_packages / "shared.pth").write_text(f"{shared}\n")
        self.run("python", "-m", "pip", "install", "--disable-pip-version-check", *packages)

    @property
    def site_packages(self) -> Path:
        base = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("purelib", "posix_prefix", base))

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    def run(self, program: str, *arguments: object, cwd: Path | None = None, **variables: str) -> str:
        """Runs a program of the environment and returns what it printed. A failure fails the test."""
        command = [self.program(program), *map(str, arguments)]
        changed = os.environ | {"COLUMNS": "200"} | variables
        run = subprocess.run(command, cwd=cwd, env=changed, capture_output=True, text=True)  # noqa: S603
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout + run.stderr


class Installation:
    """A copy of ComfyUI's source in a folder, and beside it an environment with more packages, in which it runs."""

    def __init__(self, folder: Path, *packages: str):
        self.comfyui = folder / "ComfyUI"
        copy_comfyui(self.comfyui)
        self.environment = Environment(folder / "venv", *packages, shared=share_packages(folder / "shared"))

    def knows(self, option: str) -> bool:
        """Whether this version of ComfyUI has a command line option."""
        return f'"{option}"' in (self.comfyui / "comfy" / "cli_args.py").read_text()


class InstalledServer(ComfyServer):
    """The server of an installation with the packs in the custom_nodes of `base`, of which this repository is none."""

    def __init__(self, installation: Installation, base: Path, *options: str):
        super().__init__(base, options=options)
        self.installation = installation

    def spawn(self) -> subprocess.Popen:
        (self.base / "custom_nodes" / PACK_FOLDER).unlink()
        command = [self.installation.environment.program("python"), "-u", "main.py", "--cpu", "--disable-auto-launch"]
        command += ["--port", str(self.port), "--base-directory", str(self.base)]
        command += ["--database-url", "sqlite:///:memory:", *self.options]
        with self.log_path.open("wb") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            return subprocess.Popen(command, cwd=self.installation.comfyui, **streams)  # noqa: S603


def copy_comfyui(folder: Path) -> None:
    """Copies ComfyUI's source without the models, packs and files of its user."""
    source, left_out = comfyui_path(), shutil.ignore_patterns(*FOLDERS, ".*", "venv", "__pycache__")
    shutil.copytree(source, folder, ignore=lambda path, names: left_out(path, names) if Path(path) == source else ())
    for name in FOLDERS:
        (folder / name).mkdir()


def share_packages(folder: Path) -> Path:
    """Makes a folder of links to the packages that the tests run with, without those in HIDDEN."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(HIDDEN) and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


def git_repository(folder: Path) -> Path:
    """Makes a folder a repository with one commit of its files."""
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    for command in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "All files"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)  # noqa: S603
    return folder
