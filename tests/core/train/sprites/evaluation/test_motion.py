"""How far motion misses what was asked for, and the response of weights."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch
from tqdm import tqdm

from higen_core import ModelInfo, calibrate
from higen_core.train.sprites.evaluation import motion
from higen_core.train.sprites.evaluation.benchmark import Bench, Model
from higen_core.train.sprites.scenes import FRAMES
from higen_core.weights.checkpoint import MINI_DIR, load_unet, read_info, save_network

from ....videos import real

MATCHED = ("matching.json", "matching_other_prompts.json")


@dataclass
class FakeBench:
    """Moves by half of what the network is asked for, 100 more for the prompt of the second video; drafts move less."""

    info: ModelInfo
    seed: int = 0
    steps: int = 12
    video_steps: int | None = None

    @property
    def model(self):
        return SimpleNamespace(unet=SimpleNamespace(info=self.info))

    def priors(self, prompts):
        return torch.arange(len(prompts))[:, None]

    def videos(self, prompts, priors, cues, calibrated=False, noise_cues=None):
        asked = calibrate(cues, self.model.unet.info) if calibrated else cues
        return (asked.motion / 2 + 100.0 * priors) * (0.9 if self.video_steps == 4 else 1.0)

    def motion(self, videos):
        return videos


@pytest.mark.parametrize("steps", [12, 8])  # with drafts, and without
def test_misses_fall_with_calibration_and_with_matching(steps):
    bench = FakeBench(ModelInfo(motion_response=((0, 50), (1000, 550))), steps=steps)
    misses = motion.motion_misses(bench, 2, rounds=2)["constant 300"]
    assert misses["uncalibrated"] == {"frame": 100.0, "mean": 100.0, "worst": 150.0}
    assert misses["calibrated"] == {"frame": 50.0, "mean": 50.0, "worst": 50.0}
    assert misses["matched 2"]["worst"] < misses["matched 1"]["worst"] < 50


def test_the_response_is_the_mean_of_prompts_and_rises(monkeypatch):
    monkeypatch.setattr(motion, "ASKED", (0, 100, 1000))
    assert motion.measure_response(FakeBench(ModelInfo()), 2) == [[0, 50.0], [100, 100.0], [1000, 550.0]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 5.0, 9.0], [1.0, 5.0, 9.0]), ([0.0, 10.0, 6.0, 20.0], [0.0, 7.5, 8.5, 20.0]), ([3.0, 3.0], [2.5, 3.5])],
)
def test_what_does_not_rise_becomes_the_nearest_that_does(values, expected):
    assert motion.rising(values) == pytest.approx(expected)


def test_curves_are_within_reach_of_mini():
    curves = motion.motion_curves([real("bikes")])
    assert set(curves) >= {"constant 300", "rise", "fall", "pulse", "bikes"}
    for name, curve in curves.items():
        assert curve.shape == (FRAMES - 1,), name
        assert 0 <= curve.min() <= curve.max() <= motion.PEAK, name
    assert curves["bikes"].max() == motion.PEAK


def test_the_stated_response_of_mini_was_measured_at_these_cues():
    stated = json.loads((MINI_DIR / "motion_response.json").read_text())
    assert [asked for asked, _ in stated] == list(motion.ASKED)


def test_the_readme_of_mini_has_the_measured_misses():
    ours, others = (json.loads((MINI_DIR / name).read_text())["misses"] for name in MATCHED)
    lines = (MINI_DIR / "README.md").read_text().splitlines()
    rows = {
        cells[1]: cells[2:-1]
        for cells in ([cell.strip() for cell in line.split("|")] for line in lines)
        if len(cells) == 12
    }
    for name, misses in ours.items():
        stages = ("uncalibrated", "calibrated", "matched 1", "matched 2", "matched 3")
        expected = [_cell(misses[stage]) for stage in stages] + [f"{misses['matched 3']['worst']:.0f}"]
        expected += [_cell(others[name][stage]) for stage in ("calibrated", "matched 3")]
        expected += [f"{others[name]['matched 3']['worst']:.0f}"]
        assert rows[name.replace("_", " ")] == expected, name


def _cell(miss):
    return f"{miss['frame']:.0f} / {miss['mean']:.0f}"


@pytest.mark.medium
def test_calibration_is_stored_in_the_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(motion, "ASKED", (0, 1000))
    monkeypatch.setattr(
        motion, "bench_of", lambda *_: Bench(Model.load("mini"), 1, 1.0, 1.0, "ddim", 0, tqdm(disable=True))
    )
    unet = load_unet("mini")
    save_network(tmp_path / "denoiser.safetensors", unet, **replace(unet.info, motion_response=()).to_metadata())
    motion.calibrate(tmp_path, tmp_path / "out", count=2)
    response = read_info(tmp_path / "denoiser.safetensors").motion_response
    assert [list(pair) for pair in response] == json.loads((tmp_path / "out" / "motion_response.json").read_text())
    assert [asked for asked, _ in response] == [0, 1000]
