"""Every tensor is on the device of the others, checked without one: fake tensors have a device but no numbers.

torch refuses an operation on fake tensors of two devices as it does on real ones.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import higen_core as hg
from higen_core.config import MINI, MINI_CLIP, MINI_VAE
from higen_core.schedule import alphas_cumprod
from higen_core.text import CLIP

from .peak import made_on

CUES = hg.Cues.constant(9)


@pytest.fixture
def cuda():
    """Everything made inside lives on a GPU that is not there, but for what comes from outside (schedule, cues)."""
    alphas_cumprod()  # is cached, so it must not be made of fake tensors
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield torch.device("cuda")


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("batch_guidance", [True, False])
def test_text_to_video_stays_on_one_device(cuda, dtype, batch_guidance):
    with made_on(cuda, dtype):
        unet, vae, clip = hg.UNet(MINI), hg.VAE(MINI_VAE), CLIP(MINI_CLIP)
    text, uncond = (clip.states(torch.zeros(1, 77, dtype=torch.long, device=cuda)).float() for _ in range(2))
    options = {"steps": 2, "guidance": 4.0, "batch_guidance": batch_guidance}
    prior = hg.sample_prior(unet, text, uncond, noise=hg.draw_noise(1, (1, 4, 1, 8, 8)).to(cuda), **options)
    noise, offset_noise = (n.to(cuda) for n in hg.draw_video_noise(1, (1, 4, 9, 8, 8)))
    known = {"prior": prior, "cues": CUES, "noise": noise, "offset_noise": offset_noise, "chunk": 4}
    video = hg.sample_video(unet, text, uncond, **known, **options)
    frames = vae.decode_video(video.to(dtype), chunk=4)
    assert {t.device.type for t in (text, prior, video, frames)} == {"cuda"}
    assert video.dtype == torch.float32
    assert frames.shape == (1, 9, 64, 64, 3)
    assert vae.encode(torch.zeros(1, 3, 64, 64, device=cuda, dtype=dtype)).device.type == "cuda"


def test_a_tensor_on_another_device_would_be_seen(cuda):
    with made_on(cuda, torch.float32):
        unet = hg.UNet(MINI)
    with pytest.raises(Exception, match="device"):
        unet(torch.zeros(1, 4, 2, 8, 8, device=cuda), torch.zeros(1, device="cpu"), text=torch.zeros(1, 7, MINI.y_dim))


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_norms_and_softmax_accumulate_in_full_precision(dtype):
    """Their sums would overflow fp16, and lose most digits in bf16, if they were not taken in fp32."""
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(1, 32, 64, 64, generator=generator) * 300 + 2000).to(dtype)
    norm = torch.nn.GroupNorm(1, 32)
    exact, half = norm(x.float()), norm.to(dtype)(x)
    assert half.isfinite().all()
    assert (half.float() - exact).abs().max() < 0.04
    q, k = (torch.randn(1, 1, 64, 32, generator=generator).to(dtype) for _ in range(2))
    v = torch.ones(1, 1, 64, 32, dtype=dtype)
    attended = torch.nn.functional.scaled_dot_product_attention(8 * q, 8 * k, v)
    assert (attended.float() - 1).abs().max() < 0.01
