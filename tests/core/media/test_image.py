"""Images of any size, shape and kind, as RGB and fitted to a video's size."""

import pytest
import torch

from higen_core import fit_images
from higen_core.media.image import FITS, as_image, psnr


def disc(height, width):
    """A red image with a white disc in the middle, as wide as half of the short side: (1, height, width, 3)."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    inside = (y - height / 2).hypot(x - width / 2) < min(height, width) / 4
    return torch.where(inside[..., None], torch.ones(3), torch.tensor([0.8, 0.1, 0.1]))[None]


def extent(image):
    """Height and width in pixels of the white area."""
    white = (image[0, ..., 1] > 0.5).float()
    return white.amax(1).sum().item(), white.amax(0).sum().item()


def random(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_uint8_is_divided_by_255():
    image = torch.tensor([[[0, 51, 255]]], dtype=torch.uint8)
    torch.testing.assert_close(as_image(image), torch.tensor([[[0.0, 0.2, 1.0]]]))
    assert torch.equal(as_image(image.numpy()), as_image(image))


def test_gray_is_repeated_and_alpha_is_composited_on_black():
    gray, rgba = random(4, 5, 1), random(4, 5, 4)
    assert torch.equal(as_image(gray), gray.expand(4, 5, 3))
    assert torch.equal(as_image(rgba), rgba[..., :3] * rgba[..., 3:])


def test_a_slight_overshoot_is_clamped():
    assert as_image(torch.tensor([[[-0.2, 0.5, 1.3]]])).tolist() == [[[0, 0.5, 1]]]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(8, 8), r"photo must be \(height, width, 1, 3 or 4 channels\), got \(8, 8\)"),
        (torch.zeros(8, 0, 3), r"got \(8, 0, 3\)"),
        (torch.full((8, 8, 3), torch.nan), "photo has NaN or infinite pixels"),
        (torch.full((8, 8, 3), torch.inf), "photo has NaN or infinite pixels"),
        (torch.full((8, 8, 3), 255.0), r"photo must have values in 0..1, got 255..255"),
    ],
)
def test_an_invalid_image_is_named(image, message):
    with pytest.raises(ValueError, match=message):
        as_image(image, "photo")


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 96), (256, 448), (50, 70), (1, 1)])
@pytest.mark.parametrize("source", [(64, 64), (300, 200), (33, 517), (1, 1)])
def test_every_size_becomes_the_requested_one(fit, source, height, width):
    fitted = fit_images(disc(*source), height, width, fit)
    assert fitted.shape == (1, height, width, 3)
    assert 0 <= fitted.min() <= fitted.max() <= 1


def test_an_image_of_the_right_size_is_unchanged():
    images = random(2, 32, 48, 3)
    for fit in FITS:
        torch.testing.assert_close(fit_images(images, 32, 48, fit), images)


def test_crop_and_pad_keep_proportions_and_stretch_does_not():
    wide = disc(120, 240)
    assert extent(fit_images(wide, 60, 60, "crop")) == pytest.approx((30, 30), abs=1)
    assert extent(fit_images(wide, 60, 60, "pad")) == pytest.approx((15, 15), abs=1)
    assert extent(fit_images(wide, 60, 60, "stretch")) == pytest.approx((30, 15), abs=1)


def test_pad_adds_the_background_evenly_on_both_sides():
    padded = fit_images(disc(120, 240), 60, 60, "pad", (0.0, 0.0, 1.0))
    assert torch.equal(padded[0, :15], torch.tensor([0.0, 0.0, 1.0]).expand(15, 60, 3))
    assert torch.equal(padded[0, 45:], padded[0, :15])
    assert (padded[0, 16:44, :, 0] > 0.5).all()


def test_shrinking_does_not_alias():
    """Stripes finer than the result's pixels become gray, not coarser stripes."""
    stripes = (torch.arange(512) % 4 < 2).float()[None, None, :, None].expand(1, 512, 512, 3)
    small = fit_images(stripes, 60, 60)
    assert (small[:, 5:-5, 5:-5] - 0.5).abs().max() < 0.1


def test_gray_is_three_equal_channels():
    gray = random(1, 40, 40, 1)
    assert torch.equal(fit_images(gray, 16, 16), fit_images(gray.expand(1, 40, 40, 3), 16, 16))


def test_the_background_shows_through_alpha_without_the_hidden_color():
    """Transparent pixels of bright green around a red square: no green in the result, not even at the edge."""
    rgba = torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat(1, 90, 90, 1)
    rgba[:, 25:65, 25:65] = torch.tensor([1.0, 0.0, 0.0, 1.0])
    fitted = fit_images(rgba, 32, 32, background=(0.0, 0.0, 1.0))
    assert fitted[..., 1].max() < 1e-6
    assert fitted[0, 0, 0].tolist() == pytest.approx([0, 0, 1])
    assert fitted[0, 16, 16].tolist() == pytest.approx([1, 0, 0], abs=1e-5)
    composited = torch.where(rgba[..., 3:] > 0, rgba[..., :3], torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(fitted, fit_images(composited, 32, 32), atol=0.05, rtol=0)


def test_a_transparency_mask_has_the_effect_of_alpha():
    rgba = random(2, 40, 40, 4)
    by_mask = fit_images(rgba[..., :3], 24, 24, transparency=1 - rgba[..., 3])
    torch.testing.assert_close(by_mask, fit_images(rgba, 24, 24))
    opaque = fit_images(rgba[..., :3], 24, 24, transparency=torch.zeros(1, 64, 64))  # of Load Image, without alpha
    assert torch.equal(opaque, fit_images(rgba[..., :3], 24, 24))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(8, 8, 3)}, r"images must be \(b, height, width, .* got \(8, 8, 3\)"),
        ({"images": torch.zeros(1, 8, 8, 2)}, r"got \(1, 8, 8, 2\)"),
        ({"images": torch.full((1, 8, 8, 3), torch.nan)}, "images have NaN or infinite pixels"),
        ({"fit": "zoom"}, "fit must be one of crop, pad, stretch, got 'zoom'"),
        ({"height": 0}, "height and width must be positive, got 0x16"),
        ({"transparency": torch.zeros(8, 8)}, r"transparency must be \(1 or 1, height, width\), got \(8, 8\)"),
    ],
)
def test_invalid_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        fit_images(**({"images": torch.zeros(1, 8, 8, 3), "height": 16, "width": 16} | change))


def test_psnr_of_each_image_is_in_decibels():
    images = torch.stack([torch.full((4, 4, 3), value) for value in (0.6, 0.51, 0.5)])
    assert psnr(images, torch.full_like(images, 0.5)).tolist() == pytest.approx([20, 40, 100], abs=1e-2)
