"""The towers: the text tower says what a clip leads to, and the image tower does not learn from it."""

import random

import torch
import torch.nn.functional as F

from higen_core import load_clip
from higen_core.config import CLIPConfig
from higen_core.train import oracle, sprites
from higen_core.train.clip import PairBatches, Towers
from higen_core.train.pictures import SpritePictures
from higen_core.train.textures import EMOJI

from . import tiny

NAMES = tuple(EMOJI)


def test_an_ending_is_what_its_caption_leads_to():
    pictures, rng = SpritePictures(), random.Random(0)
    endings = [pictures.ending(rng) for _ in range(80)]
    turned = [(picture, words) for picture, words in endings if "turning into" in words or "becoming" in words]
    assert len(turned) > 5
    for picture, words in turned:
        assert oracle.look(picture).object == words.split()[-1]


def test_only_the_text_tower_learns_to_foretell():
    source = SpritePictures()
    towers = Towers(CLIPConfig.from_dict(tiny.CLIP_SIZES), source.texts)
    _, _, foretelling = towers(*PairBatches(source, towers, 4)(0, 0))
    foretelling.backward()
    learning = {name for name, parameter in towers.model.named_parameters() if parameter.grad is not None}
    assert "token_embedding.weight" in learning
    assert not any(name.startswith("visual.") for name in learning)


def test_the_words_of_mini_tell_what_an_object_turns_into():
    """A linear read-out of the mean of the states, fitted to 900 captions, is right on 300 others."""
    rng = random.Random(0)
    scenes = [scene for scene in (sprites.sample_plot(rng) for _ in range(9_000)) if scene.change == "turn"][:1200]
    with torch.no_grad():
        parts = [sprites.caption(scene, rng) for scene in scenes]
        states = torch.cat([load_clip("mini").encode_text(parts[i : i + 200]).mean(1) for i in range(0, 1200, 200)])
    told = F.one_hot(torch.tensor([NAMES.index(scene.target) for scene in scenes]), len(NAMES)).float()
    heard = F.pad(states - states.mean(0), (0, 1), value=1.0)
    fit = torch.linalg.lstsq(heard[:900], told[:900]).solution
    right = (heard[900:] @ fit).argmax(1) == told[900:].argmax(1)
    assert right.float().mean() > 0.95
