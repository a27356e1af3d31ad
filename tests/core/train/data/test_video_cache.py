"""Clips of video files: frames and cues as elsewhere, encoded once, and nothing broken is fatal."""

import random
import shutil
from pathlib import Path

import pytest
import torch
from accelerate import PartialState

from higen_core import extract_cues, fit_images, load_clip, load_vae
from higen_core.train.data.clips import LatentEncoder
from higen_core.train.data.video_cache import Manifest, PreparedClips, ShardMaker, Stills, counted, make_shards
from higen_core.train.data.video_frames import Format, first_images, read_windows
from higen_core.train.data.video_index import Video, parts_of

from ... import videos
from .. import tiny
from ..tiny import film

FORMAT = Format(frames=4, fps=8, width=32, height=32)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tiny.networks(tmp_path_factory.mktemp("networks"))
    return LatentEncoder(load_vae(folder / "vae.safetensors"), load_clip(folder / "clip.safetensors"), 10_000, -0.2)


def cached(folder, data, encoder, format=FORMAT, windows=1, size=4096):
    parts = parts_of(str(data))
    make_shards(ShardMaker(str(folder), (format,), windows, size), parts, encoder, PartialState(cpu=True))
    return counted(PreparedClips(str(folder), len(parts)), PartialState(cpu=True))


def drawn_captions(clips):
    return {pair[0] for seed in range(20) for pair in clips.draw(4, 0, random.Random(seed)).captions}


def test_frames_are_those_on_the_screen_fitted_to_the_size(tmp_path):
    path = film(tmp_path / "a.mp4", frames=24, fps=24)
    frames = read_windows(Video("a", str(path), "film"), (FORMAT,), 2).frames
    pixels = torch.from_numpy(videos.pixels(path)[::3]).float() / 255
    torch.testing.assert_close(frames.flatten(0, 1), fit_images(pixels, 32, 32, "crop"))


def test_frames_of_a_live_recording_are_those_at_their_times(tmp_path):
    path = videos.write_live(tmp_path / "a.webm", videos.square(torch.arange(26)), milliseconds=40)
    pixels = torch.from_numpy(videos.pixels(path)).float() / 255
    frames = read_windows(Video("a", str(path), "film"), (FORMAT,), 2).frames.flatten(0, 1)
    expected = pixels[[int(i / 8 / 0.04) for i in range(8)]]
    torch.testing.assert_close(frames, fit_images(expected, 32, 32, "crop"))


def test_cues_are_those_of_extract_cues(tmp_path, encoder):
    path = film(tmp_path / "data" / "a.mp4")
    drawn = cached(tmp_path / "cache", tmp_path / "data", encoder).draw(1, 0, random.Random(0))
    shown = read_windows(Video("a", str(path), "film"), (FORMAT,), 1).frames[0]
    cues = extract_cues(shown, encoder.clip, frames=4, fps=8, scale=10_000, floor=-0.2)
    assert torch.equal(drawn.motion[0].long(), cues.motion)
    assert drawn.motion.min() > 0
    torch.testing.assert_close(drawn.appearance[0].float(), cues.appearance, atol=1e-3, rtol=0)
    with torch.no_grad():
        latents = encoder.vae.encode(shown.movedim(-1, 1) * 2 - 1)
    torch.testing.assert_close(drawn.latents[0].float().movedim(1, 0), latents, atol=0.02, rtol=0.02)


def test_files_are_decoded_and_encoded_once(tmp_path, encoder):
    for name in ("a", "b"):
        film(tmp_path / "data" / f"{name}.mp4")
    first = cached(tmp_path / "cache", tmp_path / "data", encoder)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    for path in (tmp_path / "data").glob("*.mp4"):
        path.write_bytes(b"")
    again = cached(tmp_path / "cache", tmp_path / "data", encoder)
    assert drawn_captions(again) == drawn_captions(first) == {"film a", "film b"}
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == written


def test_a_cache_of_other_clips_is_refused(tmp_path, encoder):
    film(tmp_path / "data" / "a.mp4")
    cached(tmp_path / "cache", tmp_path / "data", encoder)
    with pytest.raises(ValueError, match="were made with frames 4, now it is 2: delete that folder"):
        cached(tmp_path / "cache", tmp_path / "data", encoder, Format(2, 8, 32, 32))
    film(tmp_path / "data" / "b.mp4")
    with pytest.raises(ValueError, match="were made with videos '1 listed, [0-9a-f]{8}', now it is '2 listed"):
        cached(tmp_path / "cache", tmp_path / "data", encoder)
    with pytest.raises(ValueError, match="were made with vae '[0-9a-f]{8}', now"):
        cached(tmp_path / "cache", tmp_path / "data", LatentEncoder(load_vae("mini"), encoder.clip, 10_000, -0.2))


def test_a_long_video_gives_several_clips_and_files_hold_about_so_many_frames(tmp_path, encoder):
    film(tmp_path / "data" / "a.mp4", frames=19)
    film(tmp_path / "data" / "b.mp4", frames=9)
    clips = cached(tmp_path / "cache", tmp_path / "data", encoder, windows=8, size=12)
    sizes = [[len(entries) for _, entries in Manifest.read(str(tmp_path / "cache"), 0).shards]]
    assert sizes == [[3, 3]]  # 4 clips of a and 2 of b; the last frames are not used
    second = read_windows(Video("a", str(tmp_path / "data" / "a.mp4"), "film"), (FORMAT,), 8).frames[1]
    motion = extract_cues(second, encoder.clip, fps=8, scale=10_000).motion
    assert torch.equal(list(clips.first(2))[1].motion[0].long(), motion)


def broken(folder):
    """Videos with everything that goes wrong with files, and two good ones."""
    good = film(folder / "good.mp4")
    film(folder / "fine.webm.mp4")
    film(folder / "short.mp4", frames=3)
    for name, content in {
        "cut": good.read_bytes()[:900],
        "empty": b"",
        "text": b"this is not a video" * 100,
        "noise": torch.randint(0, 256, (5000,), generator=torch.Generator().manual_seed(0)).byte().numpy().tobytes(),
    }.items():
        (folder / f"{name}.mp4").write_bytes(content)
        (folder / f"{name}.txt").write_text(name)
    shutil.copy(good, folder / "wordless.mp4")


def test_broken_videos_are_reported_and_skipped(tmp_path, encoder, capsys):
    broken(tmp_path / "data")
    clips = cached(tmp_path / "cache", tmp_path / "data", encoder)
    assert drawn_captions(clips) == {"film good", "film fine.webm"}
    output = capsys.readouterr().out
    for name in ("short", "cut", "empty", "text", "noise", "wordless"):
        assert f"skipped {tmp_path / 'data' / name}.mp4: " in output
    assert "short.mp4: too short: it has 3 of 4 frames at 8 per second" in output
    assert "2 clips, 6 videos skipped" in output


def test_nothing_but_broken_videos_is_an_error(tmp_path, encoder):
    broken(tmp_path / "data")
    for name in ("good", "fine.webm"):
        (tmp_path / "data" / f"{name}.mp4").unlink()
    with pytest.raises(ValueError, match=r"none of the videos can be used; the first one, .*cut\.mp4: "):
        cached(tmp_path / "cache", tmp_path / "data", encoder)


def test_videos_in_tar_files_are_decoded_from_memory(tmp_path, encoder):
    import tarfile

    path = film(tmp_path / "a.mp4")
    with tarfile.open(tmp_path / "d-0.tar", "w") as out:
        for file in (path, path.with_suffix(".txt")):
            out.add(file, file.name)
    clips = cached(tmp_path / "cache", tmp_path / "d-{0..0}.tar", encoder)
    alone = cached(tmp_path / "other", tmp_path, encoder)
    in_tar, alone = (pool.draw(1, 0, random.Random(0)) for pool in (clips, alone))
    assert in_tar.captions == alone.captions == [("film a",)]
    assert torch.equal(in_tar.latents, alone.latents)


def test_images_are_single_frames_of_the_clips(tmp_path, encoder):
    film(tmp_path / "data" / "a.mp4")
    clips = cached(tmp_path / "cache", tmp_path / "data", encoder)
    whole = clips.draw(1, 0, random.Random(0)).latents[0]
    stills = Stills(clips).draw(16, 0, random.Random(0))
    assert stills.latents.shape == (16, 4, 1, 4, 4)
    frames = {next(i for i in range(4) if torch.equal(whole[:, i], latent[:, 0])) for latent in stills.latents}
    assert frames == {0, 1, 2, 3}


def test_a_file_that_cannot_be_written_leaves_nothing_and_is_made_by_the_next_run(tmp_path, encoder, monkeypatch):
    film(tmp_path / "data" / "a.mp4")
    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space left"):

        def full_disk(path, content):
            raise OSError("no space left on device")

        patched.setattr(Path, "write_bytes", full_disk)
        cached(tmp_path / "cache", tmp_path / "data", encoder)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == []
    assert drawn_captions(cached(tmp_path / "cache", tmp_path / "data", encoder)) == {"film a"}


def test_videos_without_captions_are_told_as_such(tmp_path):
    videos.write(tmp_path / "a.mp4", videos.square(torch.arange(16)))
    with pytest.raises(
        ValueError, match=r"none of the videos can be used; .*a\.mp4: there is no caption a\.txt beside"
    ):
        first_images(parts_of(str(tmp_path)), FORMAT, 4)
