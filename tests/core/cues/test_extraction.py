"""Cues extracted from videos: equal to direct measurements, whatever the form and rate of the source."""

from itertools import pairwise

import pytest
import torch
from PIL import Image

from higen_core import ModelInfo, cue_options, extract_cues, load_clip
from higen_core.cues.extraction import blurred
from higen_core.cues.measures import measure_motion, similarity

from .. import golden, videos
from ..videos import mean_color, square, textured

STATIC = torch.full((16,), 20)
STEADY = torch.arange(16) * 2


@pytest.fixture(scope="module")
def clip():
    return load_clip(golden.path("clip_small_weights"))


@pytest.fixture(scope="module")
def tower(clip):
    return clip.encode_image


def mean_motion(frames, **options) -> float:
    return float(extract_cues(frames, mean_color, **options).motion.double().mean())


def test_cues_of_a_tensor_are_those_of_its_frames(tower):
    frames = square(STEADY)
    cues = extract_cues(frames, tower, floor=0.2)
    assert torch.equal(cues.motion, measure_motion(frames))
    with torch.no_grad():
        torch.testing.assert_close(cues.appearance, similarity(tower(frames), 0.2), atol=1e-5, rtol=0)


def test_a_clip_is_an_image_encoder(clip, tower):
    frames = square(STEADY)
    assert torch.equal(extract_cues(frames, clip).appearance, extract_cues(frames, tower).appearance)


def test_a_static_clip_has_no_motion_and_constant_appearance(tower):
    cues = extract_cues(square(STATIC), tower)
    assert cues.motion.tolist() == [0] * 15
    torch.testing.assert_close(cues.appearance, torch.ones(16, 16))


def test_double_speed_is_double_motion():
    slow, fast = (mean_motion(square(torch.arange(16) * k)) for k in (1, 2))
    assert fast == pytest.approx(2 * slow, rel=0.02)


def test_a_dissolve_changes_appearance_and_has_little_motion(tower):
    dissolve = torch.lerp(textured(1), textured(2), torch.linspace(0, 1, 16)[:, None, None, None])
    dissolved = extract_cues(dissolve, tower)
    moved = extract_cues(torch.stack([textured(1).roll(int(3 * i), 1) for i in range(16)]), tower)
    assert dissolved.motion.max() < 0.5 * moved.motion.min()
    assert dissolved.appearance[0, -1] < dissolved.appearance[0, 1] - 0.01
    assert dissolved.cuts == ()


def test_extracting_twice_gives_the_same(tower, tmp_path):
    path = videos.write(tmp_path / "clip.mp4", square(STEADY))
    first, second = extract_cues(path, tower), extract_cues(path, tower)
    assert torch.equal(first.motion, second.motion)
    assert torch.equal(first.appearance, second.appearance)


@pytest.mark.parametrize(
    "form", [list, iter, torch.Tensor.numpy, lambda frames: (255 * frames).byte()], ids=["list", "iter", "numpy", "u8"]
)
def test_frames_come_in_any_form(tower, form):
    frames = (square(STEADY) * 255).round() / 255
    expected, cues = extract_cues(frames, tower), extract_cues(form(frames), tower)
    assert (expected.motion - cues.motion).abs().max() <= 1
    torch.testing.assert_close(cues.appearance, expected.appearance, atol=1e-3, rtol=0)


def test_gray_is_three_equal_channels_and_transparent_is_black():
    frames = square(STEADY)
    assert torch.equal(extract_cues(frames[..., :1], mean_color).motion, extract_cues(frames, mean_color).motion)
    opaque = torch.cat([frames, torch.ones(16, 64, 64, 1)], dim=-1)
    assert torch.equal(extract_cues(opaque, mean_color).motion, extract_cues(frames, mean_color).motion)
    transparent = torch.cat([frames, torch.zeros(16, 64, 64, 1)], dim=-1)
    assert extract_cues(transparent, mean_color).motion.max() == 0


def test_cues_of_a_file_are_those_of_its_frames(tower, tmp_path):
    path = videos.write(tmp_path / "clip.mp4", square(STEADY))
    frames = torch.from_numpy(videos.pixels(path))
    from_file, from_frames = extract_cues(path, tower), extract_cues(frames, tower)
    assert torch.equal(from_file.motion, from_frames.motion)
    assert torch.equal(from_file.appearance, from_frames.appearance)


def test_an_open_file_is_a_source(tmp_path):
    path = videos.write(tmp_path / "clip.mp4", square(STEADY))
    with open(path, "rb") as file:
        assert torch.equal(extract_cues(file, mean_color).motion, extract_cues(path, mean_color).motion)


def test_a_faster_video_is_sampled_at_the_model_s_times():
    frames = square(torch.arange(48))
    cues = extract_cues(frames, mean_color, frames=16, fps=8, source_fps=24)
    assert torch.equal(cues.motion, measure_motion(frames[::3]))


def test_a_slower_video_is_interpolated():
    cues = extract_cues(square(torch.arange(8) * 4), mean_color, fps=8, source_fps=4)
    assert cues.frames == 15
    assert cues.motion.float().std() < 2
    assert cues.motion[0] > 0


def test_start_skips_the_beginning(tmp_path):
    frames = square(torch.cat([STATIC, 20 + STEADY]))
    late = extract_cues(frames, mean_color, frames=8, start=2.0)
    assert torch.equal(late.motion, measure_motion(frames[16:24]))
    path = videos.write(tmp_path / "clip.mp4", frames, g="12")
    assert (extract_cues(path, mean_color, frames=8, start=2.0).motion - late.motion).abs().max() <= 5


def test_a_trimmed_source_is_measured_like_the_frames_that_remain(tmp_path):
    frames = square(torch.cat([STATIC, 20 + STEADY, torch.zeros(16)]))
    path = videos.write(tmp_path / "clip.mp4", frames, g="12")
    kept = torch.from_numpy(videos.pixels(path))[18:32]
    for options in ({}, {"frames": 8, "start": 0.5}, {"frames": 8, "whole": True}):
        cues = extract_cues(path, mean_color, trim=(2.25, 1.75), **options)
        assert torch.equal(cues.motion, extract_cues(kept, mean_color, **options).motion)
    with pytest.raises(ValueError, match="16 frames .* are needed, but it has only 14"):
        extract_cues(path, mean_color, trim=(2.25, 1.75), frames=16)


def test_whole_keeps_values_and_fits_the_length():
    long = square(torch.cat([torch.zeros(40), torch.arange(24) * 2]))
    cues = extract_cues(long, mean_color, frames=16, whole=True)
    measured = measure_motion(long)
    assert cues.frames == 16
    assert cues.motion[0] == 0
    assert cues.motion[-1] == measured[-1]
    short = extract_cues(long[-8:], mean_color, frames=16, whole=True)
    assert (short.motion == measured[-1]).all()


@pytest.mark.parametrize("rate", [2, 4, 8, 12, 25, 29.97, 60])
def test_whole_fits_a_video_of_any_rate(rate):
    cues = extract_cues(square(torch.arange(20) * 2), mean_color, frames=16, whole=True, source_fps=rate)
    assert cues.frames == 16
    assert cues.motion.min() > 0


def test_a_video_of_another_rate_does_not_end_with_a_repeated_frame():
    cues = extract_cues(square(torch.arange(55) * 0.8), mean_color, source_fps=25)
    assert cues.frames == 18
    assert cues.motion.min() > 0


def test_without_a_length_all_frames_count(tmp_path):
    path = videos.write(tmp_path / "clip.mp4", square(torch.arange(20)))
    assert extract_cues(path, mean_color).frames == 20


@pytest.mark.parametrize(("sigma", "fraction"), [(1.0, 0.28), (2.0, 0.14)])
def test_blur_reduces_noise_and_keeps_motion(sigma, fraction):
    noise = 0.5 + 0.05 * torch.randn(8, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    plain, blurry = (mean_motion(noise, scale=4000, blur=b) for b in (0, sigma))
    assert blurry / plain == pytest.approx(fraction, rel=0.1)
    edges = square(STEADY, side=24)
    plain, blurry = (mean_motion(edges, blur=b) for b in (0, sigma))
    assert blurry == pytest.approx(plain, rel=0.03)


def test_blur_keeps_a_uniform_image():
    uniform = torch.full((5, 7, 3), 0.3)
    torch.testing.assert_close(blurred(uniform, 3.0), uniform)


def test_a_model_s_info_gives_the_options():
    info = ModelInfo(frames=8, fps=4, motion_scale=2000, similarity_floor=0.5, width=64)
    options = cue_options(info)
    assert options["floor"] == 0.5
    cues = extract_cues(square(STEADY), mean_color, source_fps=4, **options)
    assert torch.equal(cues.motion, measure_motion(square(STEADY)[:8], 2000))
    assert cue_options(ModelInfo())["floor"] == 0


def test_progress_is_reported_and_the_caller_may_stop():
    reports = []
    extract_cues(square(STEADY), mean_color, frames=16, on_progress=lambda *report: reports.append(report))
    assert reports[0] == (0, 16)
    assert reports[-1] == (16, 16)
    assert reports == sorted(reports)

    def stop(done, total):
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_cues(square(STEADY), mean_color, on_progress=stop)


def with_nan():
    frames = square(STEADY)
    frames[3, 10, 10, 1] = torch.nan
    return frames


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (square(STATIC[:1]), {}, "images: 2 frames .* but it has only 1"),
        (square(STATIC[:8]), {"frames": 16}, "16 frames at 8 fps from 0 s on are needed, but it has only 8"),
        (square(STATIC), {"start": 5.0}, "from 5 s on are needed, but"),
        (torch.zeros(8, 8, 3), {}, r"images must be .* got \(8, 8, 3\)"),
        (with_nan(), {}, "frame 3 has NaN or infinite pixels"),
        (iter(square(STATIC)), {"frames": 8, "whole": True}, "whole needs a video of known length"),
        (square(STATIC), {"frames": 1}, "frames must be at least 2, got 1"),
        (square(STATIC), {"fps": 0}, "fps must be a positive number, got 0"),
        (square(STATIC), {"source_fps": float("nan")}, "source_fps must be a positive number, got nan"),
        (square(STATIC), {"trim": (-1, 2)}, "start of trim must be 0 or more, got -1"),
        (square(STATIC), {"blur": -1}, "blur must be 0 or more, got -1"),
        (square(STATIC), {"floor": 1.0}, "floor must be a cosine from -1 to below 1, got 1.0"),
    ],
)
def test_invalid_sources_and_options_are_named(source, options, message):
    with pytest.raises(ValueError, match=message):
        extract_cues(source, mean_color, **options)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_truncated_file_is_named(tmp_path, suffix):
    """An mp4 without its end has no index; other containers merely stop early."""
    path = videos.write(tmp_path / f"clip.{suffix}", torch.rand(40, 64, 64, 3))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(ValueError, match=rf"clip\.{suffix}"):
        extract_cues(path, mean_color, frames=32)


@pytest.mark.parametrize("suffix", ["mkv", "flv"])
def test_the_whole_video_ends_with_its_images_and_not_with_its_sound(tmp_path, suffix):
    frames = square(torch.arange(24))
    path = videos.write(tmp_path / f"clip.{suffix}", frames, silence=6)
    assert torch.equal(
        extract_cues(path, mean_color, frames=12, whole=True).motion,
        extract_cues(videos.write(tmp_path / "silent.mp4", frames), mean_color, frames=12, whole=True).motion,
    )


@pytest.mark.parametrize("durations", [[130, 120], [120, 130]])
def test_the_rounded_times_of_a_gif_show_each_frame_once(tmp_path, durations):
    frames = square(STEADY)
    images = [Image.fromarray((255 * frame).round().to(torch.uint8).numpy()) for frame in frames]
    path = tmp_path / "clip.gif"
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations * 8)
    motion = extract_cues(path, mean_color, frames=16).motion
    torch.testing.assert_close(motion, extract_cues(frames, mean_color).motion, atol=3, rtol=0)


def test_a_frame_that_is_held_for_hours_is_compared_once(tmp_path):
    """Two changes of the same size, four hours apart; the second hold has another frame rate than the model."""
    frames = square(torch.tensor([0, 16, 32]), foreground=1.0)
    path = videos.write(tmp_path / "clip.mkv", frames, times=[0, 250, 4 * 3600 * 1000])
    reports = []
    cues = extract_cues(
        path, mean_color, frames=3, whole=True, scale=1e7, on_progress=lambda *report: reports.append(report)
    )
    assert cues.frames == 3
    assert len(reports) > 100


def test_a_gap_between_time_stamps_is_refused(tmp_path):
    path = videos.write(tmp_path / "clip.mkv", square(torch.arange(3)), times=[0, 250, 10**9])
    with pytest.raises(ValueError, match=r"clip\.mkv: its time stamps make it more than 35 hours long"):
        extract_cues(path, mean_color, frames=4, whole=True)
    with pytest.raises(ValueError, match="more than 35 hours long"):
        extract_cues(path, mean_color)


def test_slow_video_is_measured_as_its_images_would_be():
    """Frames at 2 fps for a model of 8 fps: the images between them are not compared one by one."""
    frames = square(torch.arange(6) * 5)
    images = torch.cat([torch.lerp(a, b, w)[None] for a, b in pairwise(frames) for w in (0, 0.25, 0.5, 0.75)])
    for blur in (0.0, 1.5):
        cues = extract_cues(frames, mean_color, frames=20, source_fps=2, blur=blur)
        expected = extract_cues(images, mean_color, blur=blur)
        torch.testing.assert_close(cues.motion, expected.motion, atol=1, rtol=0)
        torch.testing.assert_close(cues.appearance, expected.appearance)
