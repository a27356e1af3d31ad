"""Progress, previews and cancellation while a sampler runs."""

from types import SimpleNamespace

import comfy.model_management
import comfy.utils
import pytest
import torch
from comfy.cli_args import LatentPreviewMethod, args
from higen_pack.higen_core import ModelInfo
from higen_pack.nodes.output.progress import follow, previewer, side_by_side

CPU = torch.device("cpu")
RED = ModelInfo(rgb_factors=((2, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)), rgb_bias=(-1, -1, -1))
"""Weights whose first latent channel is red, from 0 to 1."""


@pytest.fixture
def updates(monkeypatch):
    """The updates of the progress bar: (step, steps, preview)."""
    calls = []
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", lambda *values, node_id: calls.append(values))
    return calls


def steps(count):
    for i in range(count):
        yield SimpleNamespace(x=torch.full((1,), float(i)), x0=torch.full((1,), -float(i)))


def test_each_step_updates_the_preview_and_the_result_is_the_last_x(updates):
    result = follow(steps(3), 3, preview=lambda x0: f"x0={x0.item():g}")
    assert result.item() == 2
    assert updates == [(1, 3, "x0=-0"), (2, 3, "x0=-1"), (3, 3, "x0=-2")]


def test_a_cancel_takes_effect_within_one_step(updates):
    evaluated = []

    def cancelled_in_the_second_step():
        for step in steps(5):
            evaluated.append(step)
            comfy.model_management.interrupt_current_processing(len(evaluated) == 2)
            yield step

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        follow(cancelled_in_the_second_step(), 5, preview=lambda x0: None)
    assert (len(evaluated), len(updates)) == (2, 1)
    assert not comfy.model_management.processing_interrupted()


@pytest.mark.parametrize(("frames", "indices"), [(1, [0]), (2, [0, 1]), (16, [0, 7, 15]), (32, [0, 15, 31])])
def test_the_first_middle_and_last_frames_are_side_by_side(frames, indices):
    x0 = torch.arange(float(frames))[None, None, :, None, None].expand(1, 4, frames, 2, 3)
    assert side_by_side(x0)[0, 0, 0, ::3].tolist() == indices
    assert side_by_side(x0).shape == (1, 4, 2, 3 * len(indices))


def test_previews_have_the_colors_that_the_weights_state(monkeypatch):
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Auto)
    x0 = torch.zeros(1, 4, 16, 8, 8)
    x0[:, 0] = 1
    format, image, _ = previewer(CPU, RED)(x0)
    assert format == "JPEG"
    assert image.size == (264, 88)  # three frames of 8 pixels, enlarged
    assert image.getpixel((100, 40)) == (255, 0, 0)


def test_previews_of_other_weights_have_the_colors_of_stable_diffusion(monkeypatch):
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Auto)
    _, image, _ = previewer(CPU, ModelInfo())(torch.zeros(1, 4, 1, 64, 128))
    assert image.size == (256, 128)
    assert image.getpixel((0, 0)) == (127, 127, 127)


def test_previews_can_be_turned_off(monkeypatch):
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.NoPreviews)
    assert previewer(CPU, ModelInfo())(torch.zeros(1, 4, 1, 8, 8)) is None
