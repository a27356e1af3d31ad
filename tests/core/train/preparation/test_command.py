"""Prepared shards: the same however they were made, and trained on like the videos themselves."""

import shutil
import sys
import tarfile
from pathlib import Path

import fsspec
import pytest
import torch
from PIL import Image

from higen_core.train import __main__ as cli
from higen_core.train import denoiser
from higen_core.train.config import DenoiserTraining, Preparation
from higen_core.train.data.clips import LatentEncoder
from higen_core.train.data.video_cache import PreparedClips
from higen_core.train.preparation import command

from ... import videos as drawn
from .. import tiny
from ..data.test_video_cache import broken
from ..logged import scalars

SIZE = {"frames": 4, "fps": 8.0, "width": 32, "height": 32, "windows": 2, "shard_frames": 16}


def prepared(out: object, data: object, networks: Path, **options) -> Preparation:
    names = {name: str(networks / f"{name}.safetensors") for name in ("vae", "clip")}
    config = Preparation(data=str(data), out=str(out), **SIZE | names | {"similarity_floor": -0.2} | options)
    command.main(config)
    return config


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> Path:
    return tiny.networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def shards(tmp_path_factory, videos, networks) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    prepared(folder, videos, networks)
    return folder


def test_shards_are_files_of_webdataset(shards):
    from webdataset import WebDataset

    [first, second] = sorted(shards.glob("*.tar"))  # three videos of two windows of 4 frames, 16 frames in a shard
    samples = list(WebDataset(str(first), shardshuffle=False).decode())
    assert [sample["__key__"] for sample in samples] == [f"00000-000-{i:05d}" for i in range(4)]
    assert samples[2]["latents.npy"].shape == (4, 4, 4, 4)
    assert samples[2]["text.npy"].shape == (1, 77, 32)
    assert samples[2]["json"]["caption"] == "film b"
    assert len(tarfile.open(second).getnames()) == 2 * 5


@pytest.mark.parametrize("call", [0, 1, 2])
def test_an_interrupted_preparation_goes_on_to_the_same_shards(call, shards, videos, networks, tmp_path, monkeypatch):
    """Stopped at one of the three videos, as by a kill: no error is handled."""
    calls = []
    encode = LatentEncoder.__call__

    def killed(encoder, frames, captions):
        calls.append(captions)
        if len(calls) == call + 1:
            raise KeyboardInterrupt
        return encode(encoder, frames, captions)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(LatentEncoder, "__call__", killed)
        prepared(tmp_path, videos, networks)
    assert not (tmp_path / "00000.json").exists()
    prepared(tmp_path, videos, networks)
    assert contents(tmp_path) == contents(shards)


def test_shards_are_the_same_with_any_number_of_decoders(shards, videos, networks, tmp_path):
    prepared(tmp_path, videos, networks, workers=4)
    assert contents(tmp_path) == contents(shards)


def training(folder: Path, data: object, **options) -> Path:
    tiny.networks(folder)
    short = {"steps": 3, "images": 2, "videos": 2, "spatial_warmup_steps": 0, "precision": "no", "log_every": 1}
    config = DenoiserTraining(out=folder, data=str(data), network=tiny.UNET, **short | options)
    denoiser.main(config)
    return config.folder


@pytest.mark.parametrize("workers", [0, 2])
def test_training_on_shards_is_training_on_the_videos(workers, shards, videos, tmp_path):
    direct = training(tmp_path / "direct", videos, **SIZE, similarity_floor=-0.2)
    indirect = training(tmp_path / "indirect", shards, workers=workers)
    for loss in ("image", "video"):
        assert scalars(indirect, f"loss/{loss}") == scalars(direct, f"loss/{loss}")


def test_shards_of_other_networks_or_sizes_are_refused(shards, tmp_path):
    with pytest.raises(ValueError, match="were prepared with frames 4, now it is 8: prepare them again"):
        training(tmp_path, shards, frames=8)
    with pytest.raises(ValueError, match=r"were prepared with vae '\w{8}', now it is '\w{8}'"):
        training(tmp_path, shards, vae="mini")


def test_shards_and_videos_may_be_at_addresses_of_fsspec(shards, videos, networks, tmp_path):
    fsspec.filesystem("memory").put(str(videos), "/films", recursive=True)
    prepared("memory://clips/a", "memory://films", networks)
    for name, content in contents(shards).items():
        if name.endswith(".tar"):
            assert len(fsspec.filesystem("memory").cat(f"/clips/a/{name}")) == len(content)
    direct, remote = training(tmp_path / "direct", shards), training(tmp_path / "remote", "memory://clips/a")
    assert scalars(remote, "loss/video") == scalars(direct, "loss/video")


def test_every_kind_of_broken_video_is_named_and_counted(networks, tmp_path, capsys):
    broken(tmp_path / "videos")
    for name, mask in (("dark", 0), ("torn", None)):
        tiny.film(tmp_path / "videos" / f"{name}.mp4")
        path = tmp_path / "videos" / f"{name}.mask.png"
        path.write_bytes(b"\x89PNG torn") if mask is None else Image.new("L", (48, 40), mask).save(path)
    prepared(tmp_path / "out", tmp_path / "videos", networks)
    printed = capsys.readouterr().out
    for name, reason in {
        "short": "too short: it has 3 of 4 frames at 8 per second",
        "cut": "cannot be read as a video, or is damaged",
        "empty": "cannot be read as a video, or is damaged",
        "text": "cannot be read as a video, or is damaged",
        "noise": "cannot be read as a video, or is damaged",
        "wordless": "there is no caption wordless.txt beside it",
        "dark": "the mask is empty",
        "torn": "",
    }.items():
        assert any(f"{name}.mp4: " in line and reason in line for line in printed.splitlines()), name
    assert "4 clips, 8 videos skipped" in printed


def test_videos_without_a_caption_get_that_of_a_command(networks, tmp_path, capsys):
    (tmp_path / "videos").mkdir()
    for name in ("a", "b"):
        drawn.write(tmp_path / "videos" / f"{name}.mp4", drawn.square(torch.arange(8)))
    tiny.film(tmp_path / "videos" / "c.mp4")
    script = tmp_path / "captioner.py"
    script.write_text(
        "import sys, pathlib\nname = pathlib.Path(sys.argv[1]).stem\nif name == 'b': sys.exit('no idea')\n"
        "print('a square,', name)\n"
    )
    prepared(tmp_path / "out", tmp_path / "videos", networks, caption_with=f"{sys.executable} {script} {{file}}")
    assert set(PreparedClips(str(tmp_path / "out"), 1).captions()) == {"a square, a", "film c"}
    assert "b.mp4: the caption command ended with 1: no idea" in capsys.readouterr().out


def test_videos_go_to_the_bucket_of_their_shape_and_length(networks, tmp_path):
    wide = drawn.textured(0, 64)[:32]
    for name, frames in (("long", 9), ("short", 5)):
        path = tmp_path / "videos" / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        drawn.write(path, (wide.roll(i, 1) for i in range(frames)))
        path.with_suffix(".txt").write_text(name)
    tiny.film(tmp_path / "videos" / "square.mp4")
    prepared(tmp_path / "out", tmp_path / "videos", networks, buckets=("64x32x4", "64x32x8"), windows=1)
    clips = PreparedClips(str(tmp_path / "out"), 1)
    sizes = {clip.captions[0][0]: tuple(clip.latents.shape[2:]) for clip in clips.first()}
    assert sizes == {"long": (8, 4, 8), "short": (4, 4, 8), "film square": (4, 4, 4)}
    folder = training(tmp_path / "run", tmp_path / "out", steps=6)
    assert len(scalars(folder, "loss/video")) == 6


@pytest.mark.parametrize("bucket", ["64x32", "axbxc", "0x32x4"])
def test_a_bucket_that_is_no_size_is_refused(bucket, networks, videos, tmp_path):
    with pytest.raises(ValueError, match=f"buckets must be .*'{bucket}'"):
        prepared(tmp_path, videos, networks, buckets=(bucket,))


@pytest.mark.parametrize("kind", ["png", "mp4"])
def test_the_loss_counts_where_the_mask_is_set(kind, networks, tmp_path):
    """The left half of one of two clips."""
    for name in ("masked", "whole"):
        tiny.film(tmp_path / "videos" / f"{name}.mp4")
    mask = torch.zeros(40, 48, 3)
    mask[:, :24] = 1
    path = tmp_path / "videos" / f"masked.mask.{kind}"
    if kind == "png":
        Image.fromarray((mask * 255).byte().numpy()).save(path)
    else:
        drawn.write(path, [mask] * 8)
    prepared(tmp_path / "out", tmp_path / "videos", networks)
    clips = {clip.captions[0][0]: clip for clip in PreparedClips(str(tmp_path / "out"), 1).first()}
    assert clips["film whole"].mask is None
    half = clips["film masked"].mask
    assert half is not None and half.shape == (1, 4, 4, 4)
    assert half[..., 0].min() > 0.9 and half[..., 3].max() < 0.1
    sample = denoiser.Sample.noisy(clips["film masked"], torch.tensor([500]), torch.zeros(1, 4, 4, 4, 4), {})
    far = sample.target.clone()
    far[..., 3] += 100  # outside the mask
    outside = denoiser.losses(lambda batch: {"video": far}, {"video": sample})["video"]
    inside = denoiser.losses(lambda batch: {"video": sample.target + 1}, {"video": sample})["video"]
    assert outside < 1 and inside == pytest.approx(1, rel=1e-3)
    folder = training(tmp_path / "run", tmp_path / "out", steps=4)
    assert len(scalars(folder, "loss/video")) == 4


def test_the_command_line_prepares(networks, videos, tmp_path, capsys):
    flags = ["--frames=4", "--fps=8", "--width=32", "--height=32", "--similarity-floor=0"]
    shutil.copytree(networks, tmp_path / "out")
    cli.main(["prepare", "--data", str(videos), "--out", str(tmp_path / "out"), *flags])
    assert "3 clips, 0 videos skipped" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        cli.main(["prepare", "--data", str(videos), "--out", str(tmp_path / "out"), *flags, "--windows=2"])
    assert "were made with windows 1, now it is 2" in capsys.readouterr().err
