"""Previews while sampling look like the image that comes, and those of a video move."""

import io

import comfy.utils
import latent_preview
import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.nodes.models.folders import bundled
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.sampling.previews import FRAMES, frame_indices, preview_callback
from PIL import Image, ImageSequence
from torchvision.transforms.functional import to_tensor

from ...comfyui.paths import EXAMPLE_INPUTS


@pytest.fixture(scope="module")
def model():
    return load_model("mini", "fp32", vae=bundled("vae"))


@pytest.fixture(scope="module")
def image():
    """A panda on green, as mini's VAE decodes it, (1, 3, 64, 64) in [0, 1], and its latent."""
    panda = Image.open(EXAMPLE_INPUTS / "higen_panda.png").convert("RGBA").resize((48, 48))
    canvas = Image.new("RGBA", (64, 64), "#78c878")
    canvas.alpha_composite(panda, (8, 8))
    vae = hg.load_vae("mini")
    with torch.no_grad():
        latent = vae.encode(to_tensor(canvas.convert("RGB"))[None] * 2 - 1)
        return (vae.decode(latent) / 2 + 0.5).clamp(0, 1), latent


@pytest.fixture
def previews(monkeypatch):
    """Previews are switched on, and the list gets those that are sent."""
    sent = []
    monkeypatch.setattr(latent_preview.args, "preview_method", latent_preview.LatentPreviewMethod.Auto)
    monkeypatch.setattr(
        comfy.utils, "PROGRESS_BAR_HOOK", lambda value, total, preview, **_: sent.append(as_sent(preview))
    )
    return sent


def as_sent(preview: tuple) -> Image.Image:
    """What the page gets: ComfyUI's server makes the image smaller, and saves it, like this."""
    format, image, size = preview
    if size is not None:
        image.thumbnail((size, size))
    file = io.BytesIO()
    image.save(file, format=format, quality=95, compress_level=1)
    return Image.open(file)


def psnr(preview: Image.Image, image: torch.Tensor) -> float:
    shown = to_tensor(preview.convert("RGB").resize((64, 64), Image.Resampling.BOX))
    return float(-10 * (shown - image[0]).square().mean().log10())


def test_the_preview_of_ksampler_is_the_decoded_image(model, image, previews):
    decoded, latent = image
    latent_preview.prepare_callback(model, 1)(0, latent, latent, 1)
    assert psnr(previews[0], decoded) > 30


def test_the_preview_of_our_samplers_is_the_decoded_image(model, image, previews):
    decoded, latent = image
    preview_callback(model, 1, fps=8)(0, latent, latent, 1)
    assert psnr(previews[0], decoded) > 30


def test_previews_that_know_only_the_linear_map_get_it(model, image):
    """Those of other packs multiply the latents by the factors themselves."""
    format = model.model.latent_format
    decoded, latent = image
    colors = latent[0].movedim(0, -1) @ torch.tensor(format.latent_rgb_factors)
    colors = (colors + torch.tensor(format.latent_rgb_factors_bias)).movedim(-1, 0) / 2 + 0.5
    small = torch.nn.functional.avg_pool2d(decoded, 8)
    assert (colors - small[0]).abs().mean() < 0.1


def test_a_video_moves_and_each_step_starts_with_the_next_frame(model, image, previews):
    _, latent = image
    video = torch.cat([latent.roll(shift, dims=3) for shift in range(8)]).repeat_interleave(2, dim=0)
    callback = preview_callback(model, 2, fps=8)
    for step in range(2):
        callback(step, video, video, 2)
    first, second = ([page.convert("RGB") for page in ImageSequence.Iterator(image)] for image in previews)
    assert len(first) == len(second) == FRAMES
    assert previews[0].info["duration"] == 1000 * len(video) / 8 / FRAMES
    assert previews[0].info["loop"] == 0
    assert first[0] != first[1]
    assert first[1] == second[0]


def test_previews_that_are_switched_off_stay_off(model, image, monkeypatch):
    sent = []
    monkeypatch.setattr(latent_preview.args, "preview_method", latent_preview.LatentPreviewMethod.NoPreviews)
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", lambda value, total, preview, **_: sent.append(preview))
    preview_callback(model, 1, fps=8)(0, image[1], image[1], 1)
    assert sent == [None]


@pytest.mark.parametrize(("frames", "chosen"), [(1, [0]), (3, [0, 1, 2]), (16, [0, 2, 4, 6, 8, 10, 12, 14])])
def test_frames_of_a_preview_are_evenly_spaced(frames, chosen):
    assert frame_indices(frames) == chosen
