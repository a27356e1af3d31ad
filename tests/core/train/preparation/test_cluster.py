"""Shards made by Ray Data on a cluster of two workers on this machine: those that are made without it."""

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from higen_core.train import __main__ as cli

from ....comfyui.paths import ROOT
from .. import tiny

pytestmark = pytest.mark.slow
VIDEOS = 12
FLAGS = ["--frames=4", "--fps=8", "--width=32", "--height=32", "--similarity-floor=0", "--ray-workers=2"]


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray", reason="tests/requirements-slow.txt has it")
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.environ["RAY_raylet_start_wait_time_s"] = "300"  # a busy machine
    environment = {"env_vars": {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}}
    ray.init(address="local", num_cpus=2, include_dashboard=False, runtime_env=environment)
    yield ray
    ray.shutdown()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kill_a_worker(folder: Path, killed: list[int]) -> None:
    """As soon as two parts are complete."""
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline and not killed:
        if sum(path.name != "made_with.json" for path in folder.glob("*.json")) >= 2:
            for process in psutil.Process().children(recursive=True):
                if "MakePart" in " ".join(process.cmdline()):
                    killed.append(process.pid)
                    process.kill()
                    return
        time.sleep(0.02)


def test_a_killed_worker_loses_and_doubles_nothing(ray, tmp_path, monkeypatch, capsys):
    """A part is one video here."""
    monkeypatch.setattr("higen_core.train.data.video_index.PART", 1)
    for i in range(VIDEOS):
        tiny.film(tmp_path / "videos" / f"{i:02d}.mp4", seed=i)
    (tmp_path / "videos" / "broken.mp4").write_bytes(b"this is not a video")
    (tmp_path / "videos" / "broken.txt").write_text("broken")
    networks = tiny.networks(tmp_path)
    flags = [f"--{name}={networks / name}.safetensors" for name in ("vae", "clip")]
    flags += ["--data", str(tmp_path / "videos"), *FLAGS]

    cli.main(["prepare", "--out", str(tmp_path / "alone"), *flags])
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(tmp_path / "cluster", killed))
    killer.start()
    cli.main(["prepare", "--out", str(tmp_path / "cluster"), "--ray", "local", *flags])
    killer.join()

    assert len(killed) == 1
    assert contents(tmp_path / "cluster") == contents(tmp_path / "alone")
    assert f"{VIDEOS} clips, 1 videos skipped" in capsys.readouterr().out
    cli.main(["prepare", "--out", str(tmp_path / "cluster"), "--ray", "local", *flags])  # nothing is left to do
    assert contents(tmp_path / "cluster") == contents(tmp_path / "alone")
