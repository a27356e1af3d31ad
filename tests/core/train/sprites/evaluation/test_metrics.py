"""The measurements, held against renders whose scenes are known."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tqdm import tqdm

from higen_core import Cues
from higen_core.train.sprites.evaluation import metrics, report
from higen_core.train.sprites.evaluation.benchmark import Bench, Model, held_out_scenes
from higen_core.train.sprites.scenes import is_held_out, render
from higen_core.weights.lora import save_lora


def bench(steps, guidance=1.0):
    return Bench(Model.load("mini"), steps, guidance, 1.0, "ddim", 0, tqdm(disable=True))


def test_spearman_depends_on_the_order_alone():
    assert metrics.spearman([1, 2, 3, 4], [1, 8, 27, 64]) == pytest.approx(1)
    assert metrics.spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert metrics.pearson(torch.tensor([1.0, 2, 3]), torch.ones(3)) == 0


def test_frechet_distance_of_gaussians():
    a = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert metrics.frechet_distance(a, a + torch.tensor([1.0, 0, 2])) == pytest.approx(5, abs=1e-3)
    assert metrics.frechet_distance(a, 3 * a) == pytest.approx(3 * (3 - 1) ** 2, rel=0.05)


def test_cross_talk_is_a_fraction_of_the_range_under_the_own_cue():
    motions = {"motion": [10, 510], "change": [0.1, 0.2]}
    appearances = {"motion": [300, 400], "change": [0.1, 0.5]}
    fractions = metrics.cross_talk(motions, appearances)
    assert fractions == {"appearance_by_motion": pytest.approx(0.25), "motion_by_appearance": pytest.approx(0.2)}


def test_prompts_of_the_evaluation_were_held_out_of_training():
    scenes, prompts = held_out_scenes(20, **metrics.STRAIGHT)
    assert all(is_held_out(scene) for scene in scenes)
    assert all(scene.object in text and scene.background in text for scene, text in zip(scenes, prompts, strict=True))
    assert held_out_scenes(20, **metrics.STRAIGHT) == (scenes, prompts)


@pytest.mark.medium
def test_prompts_are_sampled_and_checked():
    figures, sheet = metrics.prompt_fidelity(bench(steps=2, guidance=3.0), 4)
    assert figures.keys() == {"object_in_prior", "object_in_video", "background", "direction", "flicker", "frechet"}
    assert sheet.shape == (64, 4 * 5 * 64, 3)
    assert bool(sheet.isfinite().all())
    assert 0 <= sheet.min()
    assert sheet.max() <= 1


def test_targets_are_looked_for_in_the_last_frame(monkeypatch):
    """Videos as they should be: what should turn has turned at factor 1, and is the first object at 0."""
    scenes, _ = held_out_scenes(3, 5, motion=("move",), change=("turn",))

    def render_as_requested(bench, prompts, priors, cues):
        amount = 1 - float(cues.appearance[0, -1])
        return torch.stack([render(replace(scene, amount=amount)) for scene in scenes])

    monkeypatch.setattr(Bench, "videos", render_as_requested)
    assert metrics.target_fidelity(bench(steps=1), 3) == {"reached": 1.0, "kept": 1.0}
    monkeypatch.setattr(metrics, "Cues", SimpleNamespace(constant=lambda f, m, a: Cues.constant(f, m, 1 - a)))
    assert metrics.target_fidelity(bench(steps=1), 3) == {"reached": 0.0, "kept": 0.0}


def test_the_autoencoder_of_mini_keeps_images():
    assert 28 < metrics.reconstruction_psnr(bench(steps=1), 16) < 40


def test_a_lora_changes_videos_and_no_priors(tmp_path):
    generator = torch.Generator().manual_seed(0)
    shapes = {"conv_out.lora_up.weight": (4, 1), "conv_out.lora_down.weight": (1, 64, 3, 3)}
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    save_lora(tmp_path / "lora.safetensors", tensors)
    plain = bench(steps=1)
    changed = replace(plain, model=Model.load("mini", tmp_path / "lora.safetensors"), video_steps=2)
    priors = [b.priors(["a red star moving left"]) for b in (plain, changed)]
    assert torch.equal(*priors)
    videos = [b.videos(["a red star moving left"], priors[0], Cues.constant(2, 300)) for b in (plain, changed)]
    assert not torch.allclose(*videos, atol=0.1)
    assert report.settings(changed, 4)["video_steps"] == 2
