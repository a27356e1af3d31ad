"""All tensors are on one device, checked without a GPU on fake tensors, which have a device but no values.

torch refuses an operation on fake tensors of two devices, as it does on real ones.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import higen_core as hg
from higen_core.cues.curves import fit_factors
from higen_core.cues.measures import similarity
from higen_core.diffusion.schedule import alphas_and_sigmas, alphas_cumprod
from higen_core.models.clip import CLIP
from higen_core.models.config import MINI, MINI_CLIP, MINI_VAE

from ..peak import made_on

CUES = hg.Cues.constant(9)


@pytest.fixture
def cuda():
    """Tensors created inside are fake; those from outside (schedule, cues) are real, on the CPU."""
    alphas_cumprod()  # is cached, so it must not be created as a fake tensor
    alphas_and_sigmas.cache_clear()
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        yield torch.device("cuda")
    alphas_and_sigmas.cache_clear()


def networks(device, dtype=torch.float32):
    with made_on(device, dtype):
        return hg.UNet(MINI), hg.VAE(MINI_VAE), CLIP(MINI_CLIP)


def unet_inputs(device):
    x, t = torch.zeros(1, 4, 3, 8, 8, device=device), torch.zeros(1, device=device)
    return {
        "x": x,
        "t": t,
        "text": torch.zeros(1, 7, MINI.y_dim, device=device),
        "prior": x[:, :, 0],
        "motion": torch.zeros(1, 2, device=device),
        "appearance": torch.ones(1, 3, 32, device=device),
    }


def devices_of_results(unet, vae, clip, inputs_on):
    """Calls every public method of the networks on inputs on one device."""
    images = torch.zeros(1, 64, 64, 3, device=inputs_on)
    results = {
        "unet": unet(**unet_inputs(inputs_on)),
        "unet without cues": unet(*list(unet_inputs(inputs_on).values())[:2], text=unet_inputs(inputs_on)["text"]),
        "encode": vae.encode(images.movedim(3, 1)),
        "decode": vae.decode(torch.zeros(1, 4, 8, 8, device=inputs_on)),
        "decode_video": vae.decode_video(torch.zeros(1, 4, 3, 8, 8, device=inputs_on), chunk=2),
        "encode_image": clip.encode_image(images),
        "states": clip.states(torch.zeros(1, 77, dtype=torch.long, device=inputs_on)),
    }
    return {name: result.device.type for name, result in results.items()}


@pytest.mark.medium
@pytest.mark.parametrize("dtype, batch_guidance", [(torch.bfloat16, False), (torch.float16, True)])
def test_text_to_video_stays_on_one_device(cuda, dtype, batch_guidance):
    unet, vae, clip = networks(cuda, dtype)
    text, uncond = (clip.states(torch.zeros(1, 77, dtype=torch.long, device=cuda)).float() for _ in range(2))
    options = {"steps": 2, "guidance": 4.0, "batch_guidance": batch_guidance}
    prior = hg.sample_prior(unet, text, uncond, noise=hg.draw_noise(1, (1, 4, 1, 8, 8)).to(cuda), **options)
    noise, offset_noise = (n.to(cuda) for n in hg.draw_video_noise(1, (1, 4, 9, 8, 8)))
    conditions = {"prior": prior, "cues": CUES, "noise": noise, "offset_noise": offset_noise}
    video = hg.sample_video(unet, text, uncond, **conditions, chunk=4, **options)
    frames = vae.decode_video(video, chunk=4)
    assert {tensor.device.type for tensor in (text, prior, video, frames)} == {"cuda"}
    assert video.dtype == frames.dtype == torch.float32
    assert frames.shape == (1, 9, 64, 64, 3)


def test_the_networks_move_their_inputs_to_their_device(cuda):
    """The denoiser returns v on the device of x, the others where they compute."""
    devices = devices_of_results(*networks(cuda), inputs_on="cpu")
    assert devices.pop("unet") == devices.pop("unet without cues") == "cpu"
    assert set(devices.values()) == {"cuda"}


def test_text_is_encoded_on_the_device_of_the_towers(cuda, monkeypatch):
    clip = networks(cuda)[2]
    monkeypatch.setattr(clip, "tokenize", lambda prompts: torch.zeros(len(prompts), 77, dtype=torch.long))
    assert clip.encode_text(["a cat"]).device.type == "cuda"


def test_factors_are_fitted_on_the_cpu(cuda):
    """In a type that MPS lacks."""
    assert fit_factors(similarity(torch.rand(4, 8, device=cuda), 0.0)).device.type == "cpu"


def test_fake_tensors_on_two_devices_are_refused(cuda):
    unet = networks(cuda)[0]
    with pytest.raises(Exception, match="device"):
        unet.conv_out(torch.zeros(1, MINI.dim, 8, 8, device="cpu"))


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_norms_and_softmax_accumulate_in_full_precision(dtype):
    """Their sums would overflow fp16, and lose most digits in bf16, if they were not accumulated in fp32."""
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
