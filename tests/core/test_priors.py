"""Pictures as priors: every size, shape and kind of picture, and how closely a video follows one."""

import pytest
import torch

from higen_core import Cues, fit_pictures, load_unet, sample_video
from higen_core.priors import FITS, parse_colour

from . import golden


def scene(height, width):
    """A red picture with a white disc in the middle, as wide as half of the short side."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    disc = (y - height / 2).hypot(x - width / 2) < min(height, width) / 4
    return torch.where(disc[..., None], torch.ones(3), torch.tensor([0.8, 0.1, 0.1]))[None]


def extent(picture):
    """Height and width in pixels of what is white."""
    white = (picture[0, ..., 1] > 0.5).float()
    return white.amax(1).sum().item(), white.amax(0).sum().item()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 96), (256, 448), (50, 70), (1, 1)])
@pytest.mark.parametrize("source", [(64, 64), (300, 200), (33, 517), (1, 1)])
def test_every_shape_becomes_the_asked_one(fit, source, height, width):
    fitted = fit_pictures(scene(*source), height, width, fit)
    assert fitted.shape == (1, height, width, 3)
    assert 0 <= fitted.min() <= fitted.max() <= 1


def test_a_picture_that_fits_stays_as_it_is():
    picture = torch.rand(2, 32, 48, 3, generator=torch.Generator().manual_seed(0))
    for fit in FITS:
        torch.testing.assert_close(fit_pictures(picture, 32, 48, fit), picture)


def test_crop_and_pad_keep_proportions_and_stretch_does_not():
    wide = scene(120, 240)
    assert extent(fit_pictures(wide, 60, 60, "crop")) == pytest.approx((30, 30), abs=1)
    assert extent(fit_pictures(wide, 60, 60, "pad")) == pytest.approx((15, 15), abs=1)
    assert extent(fit_pictures(wide, 60, 60, "stretch")) == pytest.approx((30, 15), abs=1)


def test_pad_shows_the_background_evenly_on_both_sides():
    padded = fit_pictures(scene(120, 240), 60, 60, "pad", (0.0, 0.0, 1.0))
    assert torch.equal(padded[0, :15], torch.tensor([0.0, 0.0, 1.0]).expand(15, 60, 3))
    assert torch.equal(padded[0, 45:], padded[0, :15])
    assert (padded[0, 16:44, :, 0] > 0.5).all()


def test_shrinking_does_not_alias():
    """Stripes finer than the target's pixels become grey, not coarser stripes."""
    stripes = (torch.arange(512) % 4 < 2).float()[None, None, :, None].expand(1, 512, 512, 3)
    small = fit_pictures(stripes, 60, 60)
    assert (small[:, 5:-5, 5:-5] - 0.5).abs().max() < 0.1


def test_grey_is_three_equal_channels():
    grey = torch.rand(1, 40, 40, 1, generator=torch.Generator().manual_seed(0))
    assert torch.equal(fit_pictures(grey, 16, 16), fit_pictures(grey.expand(1, 40, 40, 3), 16, 16))


def test_the_background_shows_through_alpha_without_the_hidden_colour():
    """Transparent pixels of bright green around a red square: no green anywhere, also not at the edge."""
    picture = torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat(1, 90, 90, 1)
    picture[:, 25:65, 25:65] = torch.tensor([1.0, 0.0, 0.0, 1.0])
    fitted = fit_pictures(picture, 32, 32, background=(0.0, 0.0, 1.0))
    assert fitted[..., 1].max() < 1e-6
    assert fitted[0, 0, 0].tolist() == pytest.approx([0, 0, 1])
    assert fitted[0, 16, 16].tolist() == pytest.approx([1, 0, 0], abs=1e-5)
    hard = torch.where(picture[..., 3:] > 0, picture[..., :3], torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(fitted, fit_pictures(hard, 32, 32), atol=0.05, rtol=0)


def test_a_transparency_mask_does_what_alpha_does():
    rgba = torch.rand(2, 40, 40, 4, generator=torch.Generator().manual_seed(0))
    by_mask = fit_pictures(rgba[..., :3], 24, 24, transparency=1 - rgba[..., 3])
    torch.testing.assert_close(by_mask, fit_pictures(rgba, 24, 24))
    opaque = fit_pictures(rgba[..., :3], 24, 24, transparency=torch.zeros(1, 64, 64))  # Load Image's, without alpha
    assert torch.equal(opaque, fit_pictures(rgba[..., :3], 24, 24))


def test_colours_are_read_as_on_the_web():
    assert parse_colour("#ff8000") == pytest.approx((1, 128 / 255, 0))
    assert parse_colour(" FF8000 ") == parse_colour("#ff8000")


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "#1234567"])
def test_other_colours_are_refused(text):
    with pytest.raises(ValueError, match="a colour must be #rrggbb"):
        parse_colour(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pictures": torch.zeros(8, 8, 3)}, r"pictures must be \(b, height, width, .* got \(8, 8, 3\)"),
        ({"pictures": torch.zeros(1, 8, 8, 2)}, r"got \(1, 8, 8, 2\)"),
        ({"pictures": torch.full((1, 8, 8, 3), torch.nan)}, "pictures have NaN or infinite pixels"),
        ({"fit": "zoom"}, "fit must be one of crop, pad, stretch, got 'zoom'"),
        ({"height": 0}, "height and width must be positive, got 0x16"),
        ({"transparency": torch.zeros(8, 8)}, r"transparency must be \(1 or 1, height, width\), got \(8, 8\)"),
    ],
)
def test_what_cannot_be_a_prior_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        fit_pictures(**({"pictures": torch.zeros(1, 8, 8, 3), "height": 16, "width": 16} | change))


@pytest.fixture(scope="module")
def sample():
    unet, case = load_unet(golden.path("unet_small_weights")), golden.cases("diffusion_cases", "sample.")
    noise = torch.randn(1, 4, 4, 4, 6, generator=torch.Generator().manual_seed(0))

    def run(prior, **options):
        return sample_video(
            unet,
            case["text"],
            case["text_uncond"],
            prior=prior,
            cues=Cues.constant(4),
            noise=noise,
            steps=2,
            guidance=3.0,
            **options,
        )

    return run


def test_full_strength_is_the_default_and_none_is_no_prior(sample):
    prior = torch.randn(1, 4, 4, 6, generator=torch.Generator().manual_seed(1))
    assert torch.equal(sample(prior), sample(prior, prior_strength=1.0))
    assert torch.equal(sample(prior, prior_strength=0.0), sample(0 * prior))


def test_two_priors_tell_less_apart_the_weaker_they_are(sample):
    priors = torch.randn(2, 1, 4, 4, 6, generator=torch.Generator().manual_seed(2))

    def apart(strength):
        first, second = (sample(prior, prior_strength=strength) for prior in priors)
        return float((first - second).abs().mean())

    distances = [apart(strength) for strength in (0.0, 0.25, 0.5, 1.0)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[1] > 0


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_other_strengths_are_refused(sample, strength):
    with pytest.raises(ValueError, match="prior_strength must be between 0 and 1"):
        sample(torch.zeros(1, 4, 4, 6), prior_strength=strength)
