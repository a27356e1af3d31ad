"""The towers' training on sprites: captions identify final frames, and the image tower does not learn from that."""

import random

import torch
import torch.nn.functional as F

from higen_core import load_clip
from higen_core.models.clip import CLIP
from higen_core.models.config import CLIPConfig
from higen_core.train.sprites.clip import SpritePairBatches, SpriteTowers
from higen_core.train.sprites.evaluation.template_matching import match_frame
from higen_core.train.sprites.images import SpriteImages
from higen_core.train.sprites.scenes import EMOJI, SIZE, caption, sample_content
from higen_core.weights.checkpoint import save_network

from .. import tiny
from ..logged import scalars
from .runs import run

NAMES = tuple(EMOJI)
SIZES = tiny.CLIP_SIZES | {"vision_cfg": tiny.CLIP_SIZES["vision_cfg"] | {"image_size": SIZE}}


def test_a_final_frame_shows_the_target_of_its_caption():
    images, rng = SpriteImages(), random.Random(0)
    pairs = [images.final_pair(rng) for _ in range(80)]
    turned = [(image, text) for image, text in pairs if "turning into" in text or "becoming" in text]
    assert len(turned) > 5
    for image, text in turned:
        assert match_frame(image).object == text.split()[-1]


def test_only_the_text_tower_learns_from_the_final_frame_loss():
    source = SpriteImages()
    towers = SpriteTowers(CLIPConfig.from_dict(tiny.CLIP_SIZES), source.texts)
    towers(*SpritePairBatches(source, towers, 4)(0, 0))["final_frame"].backward()
    learning = {name for name, parameter in towers.model.named_parameters() if parameter.grad is not None}
    assert "token_embedding.weight" in learning
    assert not any(name.startswith("visual.") for name in learning)


def test_the_text_states_of_mini_tell_what_an_object_turns_into():
    """A linear probe on the mean of the states, fitted to 900 captions, is right on 300 others."""
    rng = random.Random(0)
    scenes = [scene for scene in (sample_content(rng) for _ in range(9_000)) if scene.change == "turn"][:1200]
    captions = [caption(scene, rng) for scene in scenes]
    clip = load_clip("mini")
    states = torch.cat([clip.encode_text(captions[i : i + 200]).mean(1) for i in range(0, 1200, 200)])
    targets = F.one_hot(torch.tensor([NAMES.index(scene.target) for scene in scenes]), len(NAMES)).float()
    inputs = F.pad(states - states.mean(0), (0, 1), value=1.0)
    probe = torch.linalg.lstsq(inputs[:900], targets[:900]).solution
    right = (inputs[900:] @ probe).argmax(1) == targets[900:].argmax(1)
    assert right.float().mean() > 0.95


def test_the_shipped_config_runs(tmp_path):
    folder = run("clip", "mini_clip", out=tmp_path, steps=2, pairs=8, precision="no")
    for loss in ("contrast", "caption_reconstruction", "final_frame"):
        assert sorted(scalars(folder, f"loss/{loss}")) == [1, 2]
    clip = load_clip(tmp_path / "clip.safetensors")
    assert clip.encode_text(["a cat"]).shape == (1, 77, 64)
    assert clip.info.vocabulary == load_clip("mini").info.vocabulary


def test_the_text_tower_is_trained_by_itself(tmp_path):
    before = CLIP(CLIPConfig.from_dict(SIZES))
    save_network(tmp_path / "before.safetensors", before)
    options = {"pairs": 2, "steps": 2, "precision": "no", "towers": "text", "warmup": 1}
    run("clip", out=tmp_path, init=str(tmp_path / "before.safetensors"), **options)
    after = load_clip(tmp_path / "clip.safetensors").state_dict()
    for name, weight in before.state_dict().items():
        if name.startswith("visual."):
            assert torch.equal(after[name], weight.half().float()), name
    block = "transformer.resblocks.0.mlp.c_fc.weight"
    assert not torch.equal(after[block], before.state_dict()[block].half().float())


def test_a_resumed_training_has_the_losses_of_an_unbroken_one(tmp_path):
    options = {"network": SIZES, "pairs": 4, "precision": "no"}
    whole = run("clip", out=tmp_path / "whole", steps=4, **options)
    run("clip", out=tmp_path / "parts", steps=2, **options)
    parts = run("clip", out=tmp_path / "parts", steps=4, **options)
    for loss in ("contrast", "caption_reconstruction", "final_frame"):
        curves = [scalars(folder, f"loss/{loss}") for folder in (whole, parts)]
        assert len(curves[0]) == 4
        assert curves[0] == curves[1]
