"""Cues of real clips and live recordings: compared with NumPy, with the scene cuts, and in memory for a long video."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

from higen_core import extract_cues, load_clip

from ...comfyui.paths import ROOT
from .. import golden, videos


def independent_motion(path, rate, frames=16, fps=8, scale=10_000):
    """Motion cues with NumPy only: the mean change between the frames on screen at each time."""
    pixels = videos.pixels(path)
    sampled = [pixels[int(i / fps * rate + 1e-6)].astype(np.float64) / 255 for i in range(frames)]
    return [min(1000, scale * np.abs(b - a).mean()) for a, b in pairwise(sampled)]


@pytest.mark.parametrize(("name", "rate"), [("bikes", 25), ("bigbuckbunny", 25), ("carphone_pristine", 30_000 / 1001)])
def test_motion_equals_that_of_numpy(name, rate):
    path = videos.real(name)
    motion = extract_cues(path, videos.mean_color, frames=16).motion.numpy()
    assert np.abs(motion - independent_motion(path, rate)).max() <= 1


def test_appearance_is_the_cosine_of_the_encoder_s_embeddings():
    path, clip = videos.real("carphone_pristine"), load_clip(golden.path("clip_small_weights"))
    appearance = extract_cues(path, clip, frames=8, floor=0.5).appearance.numpy()
    indices = [int(i / 8 * 30_000 / 1001 + 1e-6) for i in range(8)]
    frames = torch.from_numpy(videos.pixels(path)[indices]).float() / 255
    with torch.no_grad():
        embeddings = clip.encode_image(frames).double().numpy()
    norms = np.linalg.norm(embeddings, axis=1)
    cosines = embeddings @ embeddings.T / np.outer(norms, norms)
    np.testing.assert_allclose(appearance, np.clip((cosines - 0.5) / 0.5, 0, 1), atol=1e-4)


def test_the_five_cuts_of_bikes_are_detected_and_no_others():
    cues = extract_cues(videos.real("bikes"), videos.mean_color, frames=16, whole=True)
    assert cues.cut_seconds == pytest.approx((1.2, 3.04, 5.48, 7.48, 9.68), abs=0.01)


@pytest.mark.parametrize("name", ["bigbuckbunny", "carphone_pristine"])
def test_clips_of_one_scene_have_no_cut(name):
    assert extract_cues(videos.real(name), videos.mean_color, frames=16, whole=True).cuts == ()


def test_double_speed_has_clearly_more_motion():
    path = videos.real("carphone_pristine")
    frames = torch.from_numpy(videos.pixels(path)[:90])
    slow, fast = (extract_cues(frames[::k], videos.mean_color, source_fps=30) for k in (1, 2))
    assert fast.motion.double().mean() > 1.25 * slow.motion.double().mean()


LONG_VIDEO = """
import resource, sys
sys.path.insert(0, {root!r})
import higen_core as hg
reports = []
options = {{"frames": 16, "whole": True, "on_progress": lambda *report: reports.append(report)}}
hg.extract_cues({path!r}, lambda images: images.mean((1, 2)), **options)
print(len(reports), *reports[-1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_video_of_ten_thousand_frames_peaks_under_one_and_a_half_gigabytes(tmp_path):
    """250 frames of 1280x720, 40 times over: 27 GB of pixels."""
    image = videos.textured(1, 1280)[:720]
    frames = (image.roll(4 * i, 1) for i in range(250))
    part = videos.write(tmp_path / "part.mp4", frames, fps=25, preset="ultrafast", crf="30")
    path = videos.repeat(part, tmp_path / "long.mp4", 40)
    code = LONG_VIDEO.format(root=str(ROOT), path=str(path))
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603
    reports, measured, total, kilobytes = (int(word) for word in out.split())
    assert reports > 9_990
    assert (measured, total) == (3200, 3200)
    assert kilobytes < 1.5e6


@pytest.mark.parametrize("milliseconds", [125, 40, 400])
@pytest.mark.parametrize("options", [{"frames": 8}, {"frames": 8, "whole": True}, {}, {"frames": 4, "start": 0.5}])
def test_a_live_recording_is_measured_as_its_images_are(tmp_path, milliseconds, options):
    """Faster and slower than the model, whose times fall between the frames then."""
    path = videos.write_live(tmp_path / "live.webm", videos.square(torch.arange(30)), milliseconds)
    pixels = torch.from_numpy(videos.pixels(path))
    cues = extract_cues(path, videos.mean_color, **options)
    expected = extract_cues(pixels, videos.mean_color, source_fps=1000 / milliseconds, **options)
    assert torch.equal(cues.motion, expected.motion)
    torch.testing.assert_close(cues.appearance, expected.appearance)
