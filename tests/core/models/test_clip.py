"""The text and image towers against the outputs of OpenCLIP."""

import pytest
import torch

from higen_core import load_clip
from higen_core.models.clip import CLIP
from higen_core.models.config import RELEASED_CLIP

from .. import golden


@pytest.fixture(scope="module")
def clip():
    return load_clip(golden.path("clip_small_weights"))


@torch.no_grad()
def test_tokens_states_and_image_embeddings_are_those_of_open_clip(clip):
    case, prompts = golden.cases("clip_small_cases"), golden.metadata("clip_small_cases")["prompts"]
    assert torch.equal(clip.tokenize(prompts), case["tokens"])
    assert golden.max_error(clip.encode_text(prompts), case["penultimate"]) <= 1e-4
    assert golden.max_error(clip.model.encode_image(case["image"]), case["image_embed"]) <= 1e-4


def test_full_size_towers_have_the_released_tensors():
    with torch.device("meta"):
        shapes = {name: list(t.shape) for name, t in CLIP(RELEASED_CLIP).state_dict().items()}
    assert shapes == golden.manifest("clip")


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(32, 32), (50, 90), (90, 50), (20, 20)])
def test_images_of_any_shape_are_embedded(clip, height, width):
    images = torch.rand(2, height, width, 3, generator=torch.Generator().manual_seed(0))
    assert clip.encode_image(images).shape == (2, 24)
