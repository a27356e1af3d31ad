"""Clips of real files: frames and cues as elsewhere, encoded once, and nothing broken is fatal."""

import random
import shutil

import pytest
import torch
from accelerate import PartialState

from higen_core import extract_cues, fit_pictures, load_clip, load_vae
from higen_core.train.data import Measure
from higen_core.train.video_clips import Format, Stills, VideoClips, read_windows
from higen_core.train.videos import Video, parts_of

from .. import footage
from . import tiny

FORMAT = Format(frames=4, fps=8, width=32, height=32)


@pytest.fixture(scope="module")
def measure(tmp_path_factory):
    folder = tiny.networks(tmp_path_factory.mktemp("networks"))
    return Measure(load_vae(folder / "vae.safetensors"), load_clip(folder / "clip.safetensors"), 10_000, -0.2)


def film(path, frames=8, fps=8, seed=0):
    """A soft texture that moves by a pixel a frame, 48x40 pixels, captioned with the file's name."""
    picture = footage.textured(seed, 48)[:40]
    path.parent.mkdir(parents=True, exist_ok=True)
    footage.write(path, (picture.roll(i, 1) for i in range(frames)), fps=fps)
    path.with_suffix(".txt").write_text(f"film {path.stem}")
    return path


def prepared(folder, data, measure, format=FORMAT, windows=1, size=4096):
    clips = VideoClips(folder, parts_of(str(data)), measure, format, windows=windows, size=size)
    clips.prepare(PartialState(cpu=True))
    return clips


def all_of(clips):
    return {pair[0] for _ in range(20) for pair in clips.draw(4, 0, random.Random(_)).captions}


def test_frames_are_those_on_the_screen_fitted_to_the_size(tmp_path):
    path = film(tmp_path / "a.mp4", frames=24, fps=24)
    seen = read_windows(Video("a", str(path), ""), FORMAT, 2)
    pixels = torch.from_numpy(footage.pixels(path)[::3]).float() / 255
    torch.testing.assert_close(seen.flatten(0, 1), fit_pictures(pixels, 32, 32, "crop"))


def test_cues_are_those_of_extract_cues(tmp_path, measure):
    path = film(tmp_path / "data" / "a.mp4")
    drawn = prepared(tmp_path / "cache", tmp_path / "data", measure).draw(1, 0, random.Random(0))
    shown = read_windows(Video("a", str(path), ""), FORMAT, 1)[0]
    cues = extract_cues(shown, measure.clip, frames=4, fps=8, scale=10_000, floor=-0.2)
    assert torch.equal(drawn.motion[0].long(), cues.motion)
    assert drawn.motion.min() > 0
    torch.testing.assert_close(drawn.appearance[0].float(), cues.appearance, atol=1e-3, rtol=0)
    with torch.no_grad():
        latents = measure.vae.encode(shown.movedim(-1, 1) * 2 - 1)
    torch.testing.assert_close(drawn.latents[0].float().movedim(1, 0), latents, atol=0.02, rtol=0.02)


def test_files_are_decoded_and_encoded_once(tmp_path, measure):
    for name in ("a", "b"):
        film(tmp_path / "data" / f"{name}.mp4")
    first = prepared(tmp_path / "cache", tmp_path / "data", measure)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    for path in (tmp_path / "data").glob("*.mp4"):
        path.write_bytes(b"")
    again = prepared(tmp_path / "cache", tmp_path / "data", measure)
    assert all_of(again) == all_of(first) == {"film a", "film b"}
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == written


def test_a_cache_of_other_clips_is_refused(tmp_path, measure):
    film(tmp_path / "data" / "a.mp4")
    prepared(tmp_path / "cache", tmp_path / "data", measure)
    with pytest.raises(ValueError, match="were made with frames 4, now it is 2: delete that folder"):
        prepared(tmp_path / "cache", tmp_path / "data", measure, Format(2, 8, 32, 32))
    other = load_vae("mini")
    film(tmp_path / "data" / "b.mp4")
    with pytest.raises(ValueError, match="were made with videos '1 listed, [0-9a-f]{8}', now it is '2 listed"):
        prepared(tmp_path / "cache", tmp_path / "data", measure)
    with pytest.raises(ValueError, match="were made with vae '[0-9a-f]{8}', now"):
        prepared(tmp_path / "cache", tmp_path / "data", Measure(other, measure.clip, 10_000, -0.2))


def test_a_long_video_gives_several_clips_and_files_hold_about_so_many_frames(tmp_path, measure):
    film(tmp_path / "data" / "a.mp4", frames=19)
    film(tmp_path / "data" / "b.mp4", frames=9)
    clips = prepared(tmp_path / "cache", tmp_path / "data", measure, windows=8, size=12)
    assert clips.ends == [3, 6]  # 4 clips of a and 2 of b; the frames left over are not used
    second = read_windows(Video("a", str(tmp_path / "data" / "a.mp4"), ""), FORMAT, 8)[1]
    motion = extract_cues(second, measure.clip, fps=8, scale=10_000).motion
    assert torch.equal(clips._clip(1)[0].motion[1].long(), motion)


def broken(folder):
    """Everything that goes wrong with files, and two good ones."""
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


def test_broken_videos_are_reported_and_skipped(tmp_path, measure, capsys):
    broken(tmp_path / "data")
    clips = prepared(tmp_path / "cache", tmp_path / "data", measure)
    assert all_of(clips) == {"film good", "film fine.webm"}
    told = capsys.readouterr().out
    for name in ("short", "cut", "empty", "text", "noise", "wordless"):
        assert f"skipped {tmp_path / 'data' / name}.mp4: " in told
    assert "short.mp4: too short: 4 frames at 8 per second are wanted, 3 are there" in told
    assert "2 clips, 6 videos skipped" in told


def test_nothing_but_broken_videos_is_an_error(tmp_path, measure):
    broken(tmp_path / "data")
    for name in ("good", "fine.webm"):
        (tmp_path / "data" / f"{name}.mp4").unlink()
    with pytest.raises(ValueError, match=r"none of the videos can be used; the first one, .*cut\.mp4: "):
        prepared(tmp_path / "cache", tmp_path / "data", measure)


def test_videos_in_tar_files_are_decoded_from_memory(tmp_path, measure):
    import tarfile

    path = film(tmp_path / "a.mp4")
    with tarfile.open(tmp_path / "d-0.tar", "w") as out:
        for file in (path, path.with_suffix(".txt")):
            out.add(file, file.name)
    clips = prepared(tmp_path / "cache", tmp_path / "d-{0..0}.tar", measure)
    alone = prepared(tmp_path / "other", tmp_path, measure)
    one, two = (pool.draw(1, 0, random.Random(0)) for pool in (clips, alone))
    assert one.captions == two.captions == [("film a", "film a")]
    assert torch.equal(one.latents, two.latents)


def test_pictures_are_single_frames_of_the_clips(tmp_path, measure):
    film(tmp_path / "data" / "a.mp4")
    clips = prepared(tmp_path / "cache", tmp_path / "data", measure)
    whole = clips.draw(1, 0, random.Random(0)).latents[0]
    stills = Stills(clips).draw(16, 0, random.Random(0))
    assert stills.latents.shape == (16, 4, 1, 4, 4)
    frames = {next(i for i in range(4) if torch.equal(whole[:, i], latent[:, 0])) for latent in stills.latents}
    assert frames == {0, 1, 2, 3}
