"""What the evaluation measures, held against renders whose truth is known."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from tqdm import tqdm

from higen_core import Cues, checkpoint
from higen_core.checkpoint import load_clip, save_network
from higen_core.config import CLIPConfig
from higen_core.text import CLIP
from higen_core.train import clip, evaluate, experiments, oracle, sprites
from higen_core.train.config import CLIPTraining
from higen_core.train.sprites import Scene

from . import tiny


def test_a_moving_sprite_is_followed_and_has_not_changed():
    scene = Scene("pumpkin", "white", motion="move", direction="right", speed=1.0, start=(20.0, 30.0))
    track = oracle.follow(sprites.render(scene))
    way = track.centres[-1] - track.centres[0]
    assert way[0] == pytest.approx(15.0, abs=0.3)
    assert way[1] == pytest.approx(0.0, abs=0.3)
    assert track.change.max() < 0.03
    assert track.flicker < 0.05


def test_a_change_of_look_shows_more_the_further_it_goes():
    ends = [
        oracle.follow(sprites.render(Scene("apple", "white", change="turn", target="frog", amount=amount))).change[-1]
        for amount in (0.0, 0.3, 0.6, 1.0)
    ]
    assert ends[0] == 0
    assert ends == sorted(ends)
    assert ends[-1] > 0.05


def test_noise_on_the_ground_is_flicker():
    still = sprites.render(Scene("apple", "gray"))
    noisy = still + 0.01 * torch.randn(still.shape, generator=torch.Generator().manual_seed(0))
    expected = 255 * 0.01 * 2 / torch.pi**0.5  # mean absolute difference of two Gaussians
    assert oracle.follow(noisy).flicker == pytest.approx(expected, rel=0.1)


def test_an_empty_frame_has_its_centre_in_the_middle():
    assert oracle.follow(torch.full((2, 64, 64, 3), 0.5)).centres.tolist() == [[31.5, 31.5]] * 2


def test_spearman_looks_at_the_order_alone():
    assert experiments.spearman([1, 2, 3, 4], [1, 8, 27, 64]) == pytest.approx(1)
    assert experiments.spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert experiments.pearson(torch.tensor([1.0, 2, 3]), torch.ones(3)) == 0


def test_frechet_distance_of_gaussians():
    a = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))
    assert experiments.frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert experiments.frechet(a, a + torch.tensor([1.0, 0, 2])) == pytest.approx(5, abs=1e-3)
    assert experiments.frechet(a, 3 * a) == pytest.approx(3 * (3 - 1) ** 2, rel=0.05)


def test_cross_talk_is_the_share_of_the_range_under_the_own_cue():
    motions = {"motion": [10, 510], "change": [0.1, 0.2]}
    appearances = {"motion": [300, 400], "change": [0.1, 0.5]}
    found = experiments.cross_talk(motions, appearances)
    assert found == {"appearance_by_motion": pytest.approx(0.25), "motion_by_appearance": pytest.approx(0.2)}


def test_prompts_of_the_evaluation_were_kept_from_training():
    scenes, texts = experiments.held_out(20, motion=("move",), change=("none",))
    assert all(sprites.is_held_out(scene) for scene in scenes)
    assert all(scene.object in text and scene.background in text for scene, text in zip(scenes, texts, strict=True))
    assert experiments.held_out(20, motion=("move",), change=("none",)) == (scenes, texts)


def test_bars_are_held_against_the_figures():
    figures = {
        "prompts": {"object_in_prior": 0.9, "object_in_video": 0.8, "background": 1, "direction": 1, "flicker": 1},
        "motion_spearman": 1,
        "motion_sweep": {"motion": [30.0], "ratio_600_to_50": 5},
        "schedules_mean": 0.95,
        "appearance_spearman": 0.5,
        "cross_talk": {"appearance_by_motion": 0.2, "motion_by_appearance": 0.3},
        "own_pictures": 1,
        "turned": {"reached": 0.88, "kept": 1},
    }
    rows = {row.split(" | ")[0].strip("| "): row for row in evaluate.table(figures).splitlines()}
    assert rows["object named in the prompt, in the prior"].endswith("| met |")
    assert rows["object named in the prompt, in the last frame"].endswith("| not met |")
    assert rows["measured motion at motion 0"].endswith("| not met |")
    assert rows["cross-talk, motion by appearance"].endswith("| not met |")
    assert rows["own picture kept through the video"].endswith("| met |")
    assert rows["object that it turns into, in the last frame"].endswith("| met |")


def test_prompts_are_sampled_and_judged():
    bench = experiments.Bench(experiments.Model.load("mini"), 2, 3.0, 1.0, "ddim", 0, tqdm(disable=True))
    found, sheet = experiments.prompts(bench, 4)
    assert found.keys() == {"object_in_prior", "object_in_video", "background", "direction", "flicker", "frechet"}
    assert sheet.shape == (64, 4 * 5 * 64, 3)
    assert bool(sheet.isfinite().all())
    assert 0 <= sheet.min()
    assert sheet.max() <= 1


def test_what_turns_is_looked_at_in_the_end(monkeypatch):
    """Videos as they should be: what is told to turn has turned at factor 1, and is what it was at 0."""
    scenes, _ = experiments.held_out(3, 5, motion=("move",), change=("turn",))

    def obeying(bench, texts, priors, cues):
        amount = 1 - float(cues.appearance[0, -1])
        return torch.stack([sprites.render(replace(scene, amount=amount)) for scene in scenes])

    monkeypatch.setattr(experiments.Bench, "videos", obeying)
    bench = experiments.Bench(experiments.Model.load("mini"), 1, 1.0, 1.0, "ddim", 0, tqdm(disable=True))
    assert experiments.turned(bench, 3) == {"reached": 1.0, "kept": 1.0}
    monkeypatch.setattr(experiments, "Cues", SimpleNamespace(constant=lambda f, m, a: Cues.constant(f, m, 1 - a)))
    assert experiments.turned(bench, 3) == {"reached": 0.0, "kept": 0.0}


def test_mini_s_autoencoder_keeps_pictures():
    bench = experiments.Bench(experiments.Model.load("mini"), 1, 1.0, 1.0, "ddim", 0, tqdm(disable=True))
    assert 28 < experiments.reconstruction(bench, 16) < 40


def test_a_network_is_held_against_one_without_prior_and_cues(tmp_path):
    mini = checkpoint.MINI_DIR
    options = {"count": 4, "steps": 2, "sampler": "ddim"}
    evaluate.main(mini, tmp_path, **options, baseline=mini)
    figures = json.loads((tmp_path / "comparison.json").read_text())
    assert figures["baseline"].keys() == figures["decoupled"].keys()
    assert figures["baseline"]["frechet"] > figures["decoupled"]["frechet"] > 0  # mini was not trained to do without
    with Image.open(tmp_path / "comparison.png") as sheets:
        assert sheets.size == (2 * 4 * 5 * 64, 64)
    row = evaluate.comparison_table(figures).splitlines()[-1]
    assert row.startswith(f"| frechet | {figures['decoupled']['frechet']:.3g} | ")


def test_the_text_tower_is_trained_by_itself(tmp_path):
    sizes = tiny.CLIP_SIZES | {"vision_cfg": tiny.CLIP_SIZES["vision_cfg"] | {"image_size": sprites.SIZE}}
    towers = CLIP(CLIPConfig.from_dict(sizes))
    save_network(tmp_path / "before.safetensors", towers)
    how = {"pairs": 2, "steps": 2, "precision": "no", "towers": "text", "warmup": 1}
    clip.main(CLIPTraining(out=tmp_path, init=str(tmp_path / "before.safetensors"), network=sizes, **how))
    after = load_clip(tmp_path / "clip.safetensors").state_dict()
    for name, before in towers.state_dict().items():
        if name.startswith("visual."):
            assert torch.equal(after[name], before.half().float()), name
    block = "transformer.resblocks.0.mlp.c_fc.weight"
    assert not torch.equal(after[block], towers.state_dict()[block].half().float())


def test_towers_must_be_known():
    with pytest.raises(ValueError, match="towers must be one of both, text, got 'image'"):
        CLIPTraining(out="x", towers="image")
