"""The two ways in which users install the pack: ComfyUI-Manager from a git address, and the archive of the registry.

Of the network, only the package index is used: the command line of ComfyUI-Manager 4 reads the list of packs that is
part of it, and its server is set to do the same.
"""

import json
import zipfile
from pathlib import Path

import pytest

from ..comfyui.demo import saved_files
from ..comfyui.paths import WORKFLOWS
from ..comfyui.video import frames_of, motion
from ..comfyui.workflow import load_prompt
from .conftest import copy
from .files import ROOT, repository_files
from .installation import Environment, Installation, InstalledServer, git_repository

pytestmark = pytest.mark.slow
NAME = "higen-nodes"
NODES = json.loads((ROOT / "node_list.json").read_text())
TELEMETRY_OFF = ("--skip-prompt", "--no-enable-telemetry")


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A repository with the files of this one, as they are now."""
    return git_repository(copy(repository_files(), tmp_path_factory.mktemp("git") / NAME))


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("user"), "comfyui-manager>=4,<5")


@pytest.fixture(scope="module")
def managed(comfyui, repository):
    """(what the manager's command line printed, the server with the pack that it installed)"""
    address = f"file://localhost{repository}"  # the manager takes no address without a host
    home = {"COMFYUI_PATH": str(comfyui.comfyui)}
    printed = comfyui.environment.run("cm-cli", "install", address, "--exit-on-fail", **home)
    with InstalledServer(comfyui, comfyui.comfyui, *manager_options(comfyui)) as server:
        yield printed, server


def manager_options(comfyui: Installation) -> list[str]:
    """The option that starts the manager with the server, where there is one; set to fetch no lists of packs."""
    if not comfyui.knows("--enable-manager"):
        return []
    config = comfyui.comfyui / "user" / "__manager" / "config.ini"
    config.parent.mkdir(exist_ok=True)
    config.write_text("[default]\nnetwork_mode = offline\n")
    return ["--enable-manager"]


@pytest.fixture(scope="module")
def comfy_cli(tmp_path_factory):
    """A function that runs `comfy node` on a repository: comfy-cli in an environment of its own, as from pipx."""
    folder = tmp_path_factory.mktemp("comfy-cli")
    tool = Environment(folder / "venv", "comfy-cli")

    def run(repository: Path, *arguments: str) -> str:
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
        return tool.run("comfy", *TELEMETRY_OFF, "node", *arguments, cwd=repository, **home)

    return run


@pytest.fixture(scope="module")
def archive(comfy_cli, repository) -> Path:
    """What `comfy node pack` makes of the repository."""
    comfy_cli(repository, "pack")
    return repository / "node.zip"


def check_it_works(server) -> None:
    """All nodes are there, and the text-to-video workflow makes a video that moves."""
    info = server.object_info()
    ours = {key: node["display_name"] for key, node in info.items() if node["category"].startswith("HiGen")}
    assert ours == NODES
    prompt, workflow = load_prompt(WORKFLOWS / "text_to_video.json", info)
    run = server.run(prompt, workflow)
    assert run.ending == "success", run.error
    (video,) = (entry for entry in saved_files(run.outputs) if entry["filename"].endswith(".mp4"))
    frames = frames_of(server.output_path(video))
    assert frames.shape == (16, 64, 64, 3)
    assert motion(frames) > 0.5


def test_the_manager_installs_the_pack_and_what_it_requires(comfyui, managed):
    printed, _ = managed
    assert "[INSTALLED]" in printed
    assert "failed" not in printed.lower(), printed
    assert (comfyui.comfyui / "custom_nodes" / NAME / "__init__.py").is_file()
    assert (comfyui.environment.site_packages / "open_clip").is_dir(), "a requirement that was not there before"


def test_the_pack_works_as_the_manager_has_installed_it(managed):
    _, server = managed
    check_it_works(server)


def test_comfy_cli_finds_nothing_to_object_to(comfy_cli, repository):
    printed = comfy_cli(repository, "validate")
    assert "All validation checks passed" in printed
    assert not [word for word in ("warning", "error") if word in printed.lower()]


def test_comfy_cli_packs_what_these_tests_take_for_the_pack(archive, pack):
    packed = set(zipfile.ZipFile(archive).namelist())
    assert packed == {str(path.relative_to(pack)) for path in pack.rglob("*") if path.is_file()}
    assert not [name for name in packed if name.startswith(("tests/", "higen_core/train/sprites"))]


def test_the_unpacked_archive_works(comfyui, managed, archive, tmp_path):
    """In an environment that has the requirements: the manager installs those of archives and repositories alike."""
    zipfile.ZipFile(archive).extractall(tmp_path / "custom_nodes" / NAME)
    with InstalledServer(comfyui, tmp_path) as server:
        check_it_works(server)
