"""Progress, previews and cancel while sampling."""

from types import SimpleNamespace

import comfy.model_management
import comfy.utils
import pytest
import torch
from comfy.cli_args import LatentPreviewMethod, args
from higen_pack.nodes.progress import follow, previewer, strip

CPU = torch.device("cpu")
RED = {"rgb_factors": [[2.0, 0.0, 0.0], *[[0.0] * 3] * 3], "rgb_bias": [-1.0] * 3}  # the first channel is redness


@pytest.fixture
def shown(monkeypatch):
    """What the progress bar was told: (step, steps, preview)."""
    seen = []
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", lambda *values, node_id: seen.append(values))
    return seen


def steps(count):
    for i in range(count):
        yield SimpleNamespace(x=torch.full((1,), float(i)), x0=torch.full((1,), -float(i)))


def test_each_step_is_shown_with_its_clean_estimate_and_the_last_latents_are_the_result(shown):
    result = follow(steps(3), 3, preview=lambda x0: f"x0={x0.item():g}")
    assert result.item() == 2
    assert shown == [(1, 3, "x0=-0"), (2, 3, "x0=-1"), (3, 3, "x0=-2")]


def test_a_cancel_stops_within_one_step(shown):
    ran = []

    def cancelled_in_the_second_step():
        for step in steps(5):
            ran.append(step)
            comfy.model_management.interrupt_current_processing(len(ran) == 2)
            yield step

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        follow(cancelled_in_the_second_step(), 5, preview=lambda x0: None)
    assert (len(ran), len(shown)) == (2, 1)
    assert not comfy.model_management.processing_interrupted()


@pytest.mark.parametrize(("frames", "picked"), [(1, [0]), (2, [0, 1]), (16, [0, 7, 15]), (32, [0, 15, 31])])
def test_a_strip_shows_first_middle_and_last_frame(frames, picked):
    x0 = torch.arange(float(frames))[None, None, :, None, None].expand(1, 4, frames, 2, 3)
    assert strip(x0)[0, 0, 0, ::3].tolist() == picked
    assert strip(x0).shape == (1, 4, 2, 3 * len(picked))


def test_weights_with_colours_of_their_own_are_shown_in_them(monkeypatch):
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Auto)
    x0 = torch.zeros(1, 4, 16, 8, 8)
    x0[:, 0] = 1
    kind, image, _ = previewer(CPU, RED)(x0)
    assert kind == "JPEG"
    assert image.size == (264, 88)  # three frames of 8 pixels, enlarged to be seen
    assert image.getpixel((100, 40)) == (255, 0, 0)


def test_other_weights_are_shown_as_stable_diffusion_latents(monkeypatch):
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Auto)
    _, image, _ = previewer(CPU, {})(torch.zeros(1, 4, 1, 64, 128))
    assert image.size == (256, 128)
    assert image.getpixel((0, 0)) == (127, 127, 127)


def test_no_preview_when_the_user_wants_none(monkeypatch):
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.NoPreviews)
    assert previewer(CPU, {})(torch.zeros(1, 4, 1, 8, 8)) is None
