"""Real clips: numbers that NumPy finds too, scene cuts that a person sees, and films that are never all in memory."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from higen_core import extract_cues, load_clip

from ..comfyui.paths import ROOT
from . import footage, golden


def colour(pictures):
    return pictures.mean(dim=(1, 2)) + 1e-3


def independent_motion(path, rate, frames=16, fps=8, scale=10_000):
    """Motion cues without anything of the project: the frame on the screen at each time, and its mean change."""
    pixels = footage.pixels(path)
    shown = [pixels[int(i / fps * rate + 1e-6)].astype(np.float64) / 255 for i in range(frames)]
    return [min(1000, scale * np.abs(b - a).mean()) for a, b in zip(shown, shown[1:], strict=False)]


@pytest.mark.parametrize(("name", "rate"), [("bikes", 25), ("bigbuckbunny", 25), ("carphone_pristine", 30_000 / 1001)])
def test_motion_is_what_numpy_measures(name, rate):
    path = footage.real(name)
    ours = extract_cues(path, colour, frames=16).motion.numpy()
    assert np.abs(ours - independent_motion(path, rate)).max() <= 1


def test_appearance_is_the_cosine_of_the_encoder_s_embeddings():
    path, clip = footage.real("carphone_pristine"), load_clip(golden.path("clip_small_weights"))
    ours = extract_cues(path, clip, frames=8, floor=0.5).appearance.numpy()
    shown = torch.from_numpy(footage.pixels(path)[[int(i / 8 * 30_000 / 1001 + 1e-6) for i in range(8)]]).float() / 255
    with torch.no_grad():
        seen = clip.encode_image(shown).double().numpy()
    norms = np.linalg.norm(seen, axis=1)
    cosines = seen @ seen.T / np.outer(norms, norms)
    np.testing.assert_allclose(ours, np.clip((cosines - 0.5) / 0.5, 0, 1), atol=1e-4)


def test_the_five_cuts_of_bikes_are_found_and_no_other():
    cues = extract_cues(footage.real("bikes"), colour, frames=16, whole=True)
    assert cues.cut_seconds == pytest.approx((1.2, 3.04, 5.48, 7.48, 9.68), abs=0.01)


@pytest.mark.parametrize("name", ["bigbuckbunny", "carphone_pristine"])
def test_clips_of_one_shot_have_no_cut(name):
    assert extract_cues(footage.real(name), colour, frames=16, whole=True).cuts == ()


def test_double_speed_reads_clearly_more_motion():
    path = footage.real("carphone_pristine")
    pictures = torch.from_numpy(footage.pixels(path)[:90])
    slow, fast = (extract_cues(pictures[::k], colour, source_fps=30) for k in (1, 2))
    assert fast.motion.double().mean() > 1.25 * slow.motion.double().mean()


FILM = """
import resource, sys
sys.path.insert(0, {root!r})
import higen_core as hg
told = []
cues = hg.extract_cues({path!r}, lambda p: p.mean((1, 2)), frames=16, whole=True, watch=lambda *at: told.append(at))
print(len(told), told[-1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_film_of_ten_thousand_frames_peaks_under_one_and_a_half_gigabytes(tmp_path):
    """250 frames of 1280x720, 40 times over; its length alone would be 27 GB of pixels."""
    picture = footage.textured(1, 1280)[:720]
    pictures = (picture.roll(4 * i, 1) for i in range(250))
    part = footage.write(tmp_path / "part.mp4", pictures, fps=25, preset="ultrafast", crf="30")
    film = footage.repeat(part, tmp_path / "film.mp4", 40)
    code = FILM.format(root=str(ROOT), path=str(film))
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603
    pictures, *told, kilobytes = (int(word.strip("(),")) for word in out.split())
    assert pictures > 9_990
    assert told == [3200, 3200]
    assert kilobytes < 1.5e6
