"""Both stages are sampled as suits the weights where a caller leaves it out."""

from dataclasses import replace

import torch

from higen_core import Cues, draw_noise, draw_video_noise, load_unet, sample_prior, sample_video
from higen_core.models.config import SamplingConfig

from .. import golden


def test_what_is_not_given_is_what_suits_the_weights():
    unet = load_unet(golden.path("unet_small_weights"))
    unet.info = replace(unet.info, sampling=SamplingConfig(3, "dpmpp_2m", prior_guidance=2.0, video_guidance=5.0))
    case = golden.cases("diffusion_cases", "sample.")
    texts, options = (case["text"], case["text_uncond"]), {"steps": 3, "sampler": "dpmpp_2m"}
    noise = draw_noise(1, (1, 4, 1, 4, 6))
    prior = sample_prior(unet, *texts, noise=noise)
    assert torch.equal(prior, sample_prior(unet, *texts, noise=noise, guidance=2.0, **options))
    inputs = {"prior": prior, "cues": Cues.constant(6), "noise": draw_video_noise(0, (1, 4, 6, 4, 6))[0]}
    video = sample_video(unet, *texts, **inputs)
    assert torch.equal(video, sample_video(unet, *texts, **inputs, guidance=5.0, **options))
    assert not torch.equal(video, sample_video(unet, *texts, **inputs, sampler="ddim"))
