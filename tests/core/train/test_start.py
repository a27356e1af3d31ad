"""What a denoiser starts from: its old weights without what they know of videos."""

import pytest
import torch

from higen_core.train.config import DenoiserTraining
from higen_core.train.denoiser import for_pictures
from higen_core.unet import UNet

from . import tiny


@pytest.fixture(scope="module")
def trained() -> UNet:
    """No branch is silent, as after a training."""
    generator = torch.Generator().manual_seed(0)
    unet = UNet(tiny.unet_config())
    for weight in unet.parameters():
        weight.data = 0.1 * torch.randn(weight.shape, generator=generator)
    return unet


@pytest.fixture(scope="module")
def known() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {"t": torch.tensor([700]), "text": torch.randn(1, 3, 32, generator=generator)}


def clip(frames: int) -> torch.Tensor:
    return torch.randn(1, 4, frames, 8, 8, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_pictures_stay_what_they_are(trained, known):
    picture = clip(1)
    before, after = trained(picture, **known), for_pictures(trained)(picture, **known)
    assert before.std() > 0.01
    assert torch.allclose(after, before, atol=1e-4 * float(before.std()))


@torch.no_grad()
def test_videos_are_pictures_without_prior_and_cues(trained, known):
    unet, video = for_pictures(trained), clip(3)
    told = {"prior": clip(1)[:, :, 0], "motion": torch.full((1, 2), 600), "appearance": torch.rand(1, 3, 32)}
    frames = torch.cat([unet(video[:, :, [i]], **known) for i in range(3)], dim=2)
    assert torch.allclose(unet(video, **known, **told), frames, atol=1e-4 * float(frames.std()))
    assert not torch.allclose(trained(video, **known, **told), frames, atol=0.1 * float(frames.std()))


def test_there_must_be_pictures_to_keep(tmp_path):
    with pytest.raises(ValueError, match="keep = pictures needs init"):
        DenoiserTraining(out=tmp_path, keep="pictures")
    with pytest.raises(ValueError, match="keep must be one of all, pictures, got 'some'"):
        DenoiserTraining(out=tmp_path, keep="some")
