"""Cues measured on footage: what they are, that nothing but the footage matters, and what cannot be measured."""

import numpy as np
import pytest
import torch

from higen_core import Cues, cue_options, extract_cues, load_clip, plot_cues
from higen_core.cues import measure_motion, similarity
from higen_core.extract import blurred

from . import footage, golden
from .footage import square, textured

STILL = torch.full((16,), 20)
STEADY = torch.arange(16) * 2


@pytest.fixture(scope="module")
def tower():
    return load_clip(golden.path("clip_small_weights")).encode_image


def colour(pictures):
    """An image encoder that sees the mean colour only: enough where appearance is not what a test is about."""
    return pictures.mean(dim=(1, 2)) + 1e-3


def mean_motion(frames, **options) -> float:
    return float(extract_cues(frames, colour, **options).motion.double().mean())


def fade(a, b, steps=16):
    return torch.lerp(a, b, torch.linspace(0, 1, steps)[:, None, None, None])


def test_a_tensor_is_measured_as_it_is(tower):
    frames = square(STEADY)
    cues = extract_cues(frames, tower, floor=0.2)
    assert torch.equal(cues.motion, measure_motion(frames))
    with torch.no_grad():
        torch.testing.assert_close(cues.appearance, similarity(tower(frames), 0.2), atol=1e-5, rtol=0)


def test_a_tower_may_stand_for_its_encoder(tower):
    frames = square(STEADY)
    clip = load_clip(golden.path("clip_small_weights"))
    assert torch.equal(extract_cues(frames, clip).appearance, extract_cues(frames, tower).appearance)


def test_a_frozen_clip_reads_no_motion_and_one_look(tower):
    cues = extract_cues(square(STILL), tower)
    assert cues.motion.tolist() == [0] * 15
    torch.testing.assert_close(cues.appearance, torch.ones(16, 16))


def test_double_speed_reads_double_motion():
    slow, fast = (mean_motion(square(torch.arange(16) * k)) for k in (1, 2))
    assert fast == pytest.approx(2 * slow, rel=0.02)


def test_a_cross_fade_changes_the_look_and_hardly_moves(tower):
    faded = extract_cues(fade(textured(1), textured(2)), tower)
    moved = extract_cues(torch.stack([textured(1).roll(int(3 * i), 1) for i in range(16)]), tower)
    assert faded.motion.max() < 0.5 * moved.motion.min()
    assert faded.appearance[0, -1] < faded.appearance[0, 1] - 0.01
    assert faded.cuts == ()


def test_measuring_twice_gives_the_same(tower, tmp_path):
    path = footage.write(tmp_path / "clip.mp4", square(STEADY))
    first, second = extract_cues(path, tower), extract_cues(path, tower)
    assert torch.equal(first.motion, second.motion)
    assert torch.equal(first.appearance, second.appearance)


@pytest.mark.parametrize("form", [list, iter, lambda frames: frames.numpy(), lambda frames: (255 * frames).byte()])
def test_frames_come_in_any_form(tower, form):
    frames = (square(STEADY) * 255).round() / 255
    expected, got = extract_cues(frames, tower), extract_cues(form(frames), tower)
    assert (expected.motion - got.motion).abs().max() <= 1
    torch.testing.assert_close(got.appearance, expected.appearance, atol=1e-3, rtol=0)


def test_a_file_measures_as_its_frames_do(tower, tmp_path):
    path = footage.write(tmp_path / "clip.mp4", square(STEADY))
    frames = torch.from_numpy(footage.pixels(path))
    by_file, by_frames = extract_cues(path, tower), extract_cues(frames, tower)
    assert torch.equal(by_file.motion, by_frames.motion)
    assert torch.equal(by_file.appearance, by_frames.appearance)


def test_an_open_file_will_do(tmp_path):
    path = footage.write(tmp_path / "clip.mp4", square(STEADY))
    with open(path, "rb") as file:
        assert torch.equal(extract_cues(file, colour).motion, extract_cues(path, colour).motion)


def test_faster_footage_is_thinned_to_what_is_shown_at_the_model_s_times():
    frames = square(torch.arange(48))
    thinned = extract_cues(frames, colour, frames=16, fps=8, source_fps=24)
    assert torch.equal(thinned.motion, measure_motion(frames[::3]))


def test_slower_footage_moves_steadily():
    cues = extract_cues(square(torch.arange(8) * 4), colour, fps=8, source_fps=4)
    assert cues.frames == 15
    assert cues.motion.float().std() < 2
    assert cues.motion[0] > 0


def test_start_leaves_footage_out(tmp_path):
    path = torch.cat([STILL, 20 + STEADY])
    frames = square(path)
    late = extract_cues(frames, colour, frames=8, start=2.0)
    assert torch.equal(late.motion, measure_motion(frames[16:24]))
    file = footage.write(tmp_path / "clip.mp4", frames, g="12")
    assert (extract_cues(file, colour, frames=8, start=2.0).motion - late.motion).abs().max() <= 5


def test_whole_keeps_heights_and_fits_the_length():
    path = torch.cat([torch.zeros(40), torch.arange(24) * 2])
    long = square(path)
    cues = extract_cues(long, colour, frames=16, whole=True)
    measured = measure_motion(long)
    assert cues.frames == 16
    assert cues.motion[0] == 0
    assert cues.motion[-1] == measured[-1]
    short = extract_cues(long[-8:], colour, frames=16, whole=True)
    assert (short.motion == measured[-1]).all()


@pytest.mark.parametrize("rate", [2, 4, 8, 12, 25, 29.97, 60])
def test_whole_fits_footage_of_any_rate(rate):
    cues = extract_cues(square(torch.arange(20) * 2), colour, frames=16, whole=True, source_fps=rate)
    assert cues.frames == 16
    assert cues.motion.min() > 0


def test_footage_of_another_rate_has_no_still_at_its_end():
    cues = extract_cues(square(torch.arange(55) * 0.8), colour, source_fps=25)
    assert cues.frames == 18
    assert cues.motion.min() > 0


def test_without_a_length_all_frames_count(tmp_path):
    path = footage.write(tmp_path / "clip.mp4", square(torch.arange(20)))
    assert extract_cues(path, colour).frames == 20


def cut_clip():
    """Two scenes of eight frames, with little motion in each."""
    return torch.cat([torch.stack([textured(seed).roll(i, 1) for i in range(8)]) for seed in (1, 2)])


def test_a_scene_cut_is_found_and_told():
    cues = extract_cues(cut_clip(), colour)
    assert cues.cuts == (7,)
    assert cues.cut_seconds == (1.0,)
    assert cues.motion[7] > 2 * cues.motion[6]


def test_a_masked_cut_reads_as_the_motion_beside_it():
    kept, masked = (extract_cues(cut_clip(), colour, mask_cuts=mask) for mask in (False, True))
    assert masked.motion[7] == ((kept.motion[6] + kept.motion[8]).double() / 2).round()
    others = [i for i in range(15) if i != 7]
    assert torch.equal(masked.motion[others], kept.motion[others])
    assert torch.equal(masked.appearance, kept.appearance)
    assert masked.cuts == kept.cuts


def test_a_cut_is_found_between_the_sampled_frames():
    clip = torch.cat([torch.stack([textured(seed).roll(i, 1) for i in range(25)]) for seed in (1, 2)])
    cues = extract_cues(clip, colour, frames=16, fps=8, source_fps=25, scale=2000)
    assert cues.cuts == (7,)
    assert cues.cut_seconds == (1.0,)
    assert int(cues.motion.argmax()) == 7


@pytest.mark.parametrize(
    "clip",
    [
        square(STEADY * 1.5),
        square(torch.tensor([0] * 8 + [6 * i for i in range(8)])),  # starts moving at once
        fade(textured(1), textured(2), 5),
        torch.cat([cut_clip()[:4], torch.ones(1, 64, 64, 3), cut_clip()[4:8]]),  # a flash
    ],
    ids=["motion", "sudden start", "dissolve", "flash"],
)
def test_what_is_no_cut(clip):
    assert extract_cues(clip, colour).cuts == ()


@pytest.mark.parametrize(("sigma", "share"), [(1.0, 0.28), (2.0, 0.14)])
def test_blur_takes_noise_out_and_leaves_motion_in(sigma, share):
    noise = 0.5 + 0.05 * torch.randn(8, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    plain, soft = (mean_motion(noise, scale=4000, blur=b) for b in (0, sigma))
    assert soft / plain == pytest.approx(share, rel=0.1)
    edges = square(STEADY, side=24)
    plain, soft = (mean_motion(edges, blur=b) for b in (0, sigma))
    assert soft == pytest.approx(plain, rel=0.03)


def test_blur_keeps_a_flat_picture_flat():
    flat = torch.full((5, 7, 3), 0.3)
    torch.testing.assert_close(blurred(flat, 3.0), flat)


def test_a_model_s_info_gives_the_options():
    info = {"frames": 8, "fps": 4, "motion_scale": 2000, "similarity_floor": 0.5, "width": 64}
    cues = extract_cues(square(STEADY), colour, source_fps=4, **cue_options(info))
    assert torch.equal(cues.motion, measure_motion(square(STEADY)[:8], 2000))
    assert cue_options({"frames": 32, "fps": 8, "motion_scale": 10_000})["floor"] == 0


def test_progress_is_told_and_a_watcher_may_stop():
    told = []
    extract_cues(square(STEADY), colour, frames=16, watch=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 16)
    assert told[-1] == (16, 16)
    assert [done for done, _ in told] == sorted(done for done, _ in told)

    def stop(done, total):
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_cues(square(STEADY), colour, watch=stop)


def test_grey_is_three_equal_channels_and_transparent_is_black():
    frames = square(STEADY)
    assert torch.equal(extract_cues(frames[..., :1], colour).motion, extract_cues(frames, colour).motion)
    alpha = torch.cat([frames, torch.ones(16, 64, 64, 1)], dim=-1)
    assert torch.equal(extract_cues(alpha, colour).motion, extract_cues(frames, colour).motion)
    assert extract_cues(torch.cat([frames, torch.zeros(16, 64, 64, 1)], dim=-1), colour).motion.max() == 0


def test_the_plot_marks_cuts():
    cues = Cues.constant(16)
    assert (plot_cues(cues, cuts=(7,)) != plot_cues(cues)).any()


def with_nan():
    frames = square(STEADY)
    frames[3, 10, 10, 1] = torch.nan
    return frames


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (square(STILL[:1]), {}, "frames: 2 frames .* but 1 are there"),
        (square(STILL[:8]), {"frames": 16}, "16 frames at 8 per second are wanted from 0 s on, but 8 are there"),
        (square(STILL), {"start": 5.0}, "from 5 s on, but"),
        (torch.zeros(0, 8, 8, 3), {}, r"frames must be \(frames, height, width, channels\), got \(0, 8, 8, 3\)"),
        (torch.zeros(8, 8, 3), {}, r"frames must be .* got \(8, 8, 3\)"),
        (torch.zeros(4, 8, 8, 2), {}, r"frame 0 must be \(height, width, 1, 3 or 4 channels\), got \(8, 8, 2\)"),
        ([], {}, "no picture"),
        ([torch.zeros(8, 8, 3), torch.zeros(8, 6, 3)], {}, "frame 1 is 6x8 pixels, the frames before are 8x8"),
        (with_nan(), {}, "frame 3 has NaN or infinite pixels"),
        (255 * square(STEADY), {}, "frame 0 must have values in 0..1, got"),
        (3, {}, "frames must be a tensor, pictures or the path of a video, got int"),
        (iter(square(STILL)), {"frames": 8, "whole": True}, "whole needs footage that knows its length"),
        (square(STILL), {"frames": 1}, "frames must be at least 2, got 1"),
        (square(STILL), {"fps": 0}, "fps must be a positive number, got 0"),
        (square(STILL), {"source_fps": float("nan")}, "source_fps must be a positive number, got nan"),
        (square(STILL), {"blur": -1}, "blur must be 0 or more, got -1"),
        (square(STILL), {"floor": 1.0}, "floor must be a cosine from -1 to below 1, got 1.0"),
    ],
)
def test_what_cannot_be_measured_is_named(source, options, message):
    with pytest.raises(ValueError, match=message):
        extract_cues(source, colour, **options)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.mp4 does not exist"):
        extract_cues(tmp_path / "nowhere.mp4", colour)


@pytest.mark.parametrize("content", [b"", b"this is no video"])
def test_a_file_that_is_no_video_is_named(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"clip\.mp4 cannot be read as a video"):
        extract_cues(path, colour)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_truncated_file_is_named(tmp_path, ending):
    """An mp4 without its end has lost its index; other files simply stop too early."""
    path = footage.write(tmp_path / f"clip.{ending}", torch.rand(40, 64, 64, 3))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(ValueError, match=rf"clip\.{ending}"):
        extract_cues(path, colour, frames=32)


def test_a_sound_file_is_no_video(tmp_path):
    path = tmp_path / "sound.wav"
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match="has no picture track"):
        extract_cues(path, colour)
