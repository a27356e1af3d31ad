"""Both stages against the released samplers; guidance, determinism and progress."""

import math
from itertools import pairwise

import pytest
import torch

from higen_core import Cues, draw_noise, draw_video_noise, load_unet, prior_steps, sample_prior, sample_video
from higen_core.cues import UNTOLD_APPEARANCE, UNTOLD_MOTION
from higen_core.pipeline import share_noise
from higen_core.sampling import SAMPLERS, dpmpp_2m
from higen_core.schedule import add_noise, timesteps, velocity

from . import golden


@pytest.fixture(scope="module")
def unet():
    return load_unet(golden.path("unet_small_weights"))


@pytest.fixture(scope="module")
def texts():
    case = golden.cases("diffusion_cases", "sample.")
    return case["text"], case["text_uncond"]


@pytest.mark.parametrize("batch_guidance", [True, False])
@pytest.mark.parametrize("steps", [4, 50])
def test_both_stages_give_the_released_samples(unet, texts, steps, batch_guidance):
    case = golden.cases("diffusion_cases", f"sample{steps}.")
    how = {"steps": steps, "guidance": 12.0, "batch_guidance": batch_guidance}
    prior = sample_prior(unet, *texts, noise=case["prior_noise"], **how)
    video = sample_video(
        unet,
        *texts,
        prior=case["prior"],
        cues=Cues.constant(frames=32, motion=500, appearance=1.0),
        noise=case["video_noise"],
        offset_noise=case["offset_noise"],
        **how,
    )
    assert golden.max_error(prior, case["prior"]) <= 2e-3
    assert golden.max_error(video, case["video"]) <= 2e-3


def test_a_seed_is_a_video(unet, texts):
    def sample(seed):
        return sample_prior(unet, *texts, noise=draw_noise(seed, (1, 4, 1, 4, 6)), steps=2)

    assert torch.equal(sample(5), sample(5))
    assert not torch.equal(sample(5), sample(6))


def test_offset_noise_is_one_number_per_frame_and_channel():
    noise, offset = draw_video_noise(0, (2, 4, 6, 8, 8))
    assert noise.shape == (2, 4, 6, 8, 8)
    assert offset.shape == (2, 4, 6, 1, 1)


def test_frames_share_their_noise_where_little_moves():
    noise = torch.randn(1, 4, 5, 100, 100, generator=torch.Generator().manual_seed(0))
    shared = share_noise(noise, torch.tensor([[0, 100, 50, UNTOLD_MOTION]]), 100.0)
    assert torch.equal(shared[:, :, 0], noise[:, :, 0])
    assert torch.equal(shared[:, :, 1], shared[:, :, 0])
    assert torch.equal(shared[:, :, 4], noise[:, :, 4])
    frames = shared[0].unbind(1)
    likeness = [float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) for a, b in pairwise(frames)]
    assert likeness == pytest.approx([1, math.exp(-1), math.exp(-0.25), 0], abs=0.02)
    assert shared.std(dim=(1, 3, 4)).flatten().tolist() == pytest.approx([1] * 5, abs=0.02)
    assert torch.equal(share_noise(noise, torch.tensor([[0, 100, 50, UNTOLD_MOTION]]), 0.0), noise)


def test_the_weights_say_whether_frames_share_their_noise(unet, texts, monkeypatch):
    noise, offset = draw_video_noise(0, (1, 4, 6, 4, 6))
    cues = Cues.constant(6, motion=50)
    known = {"prior": torch.randn(1, 4, 4, 6), "cues": cues, "steps": 2}

    def sample(**how):
        return sample_video(unet, *texts, **known, **({"noise": noise, "offset_noise": offset} | how))

    alone, shared = sample(), sample(noise_sharing=200.0)
    assert torch.equal(alone, sample(noise_sharing=0.0))
    assert not torch.allclose(alone, shared, atol=1e-2)
    whole = share_noise(noise + 0.1 * offset, cues.motion[None], 200.0)
    assert torch.equal(shared, sample(noise=whole, offset_noise=None))
    monkeypatch.setitem(unet.info, "noise_sharing", 200.0)
    assert torch.equal(shared, sample())
    with pytest.raises(ValueError, match="noise_sharing must not be negative, got -1"):
        sample(noise_sharing=-1)


def test_guidance_on_the_appearance_cue_leads_away_from_what_is_done_without_it(unet, texts, monkeypatch):
    noise, offset = draw_video_noise(0, (1, 4, 6, 4, 6))
    cues = Cues.constant(6, appearance=0.7)
    known = {"prior": draw_noise(1, (1, 4, 4, 6)), "noise": noise, "offset_noise": offset, "steps": 1}

    def sample(scale, **how):
        return sample_video(unet, *texts, **known, cues=cues, guidance=3.0, appearance_guidance=scale, **how)

    with pytest.raises(ValueError, match="appearance cue is 2.0, but these weights never saw that cue untold"):
        sample(2.0)
    plain = sample(None)
    assert torch.equal(plain, sample(1.0))
    monkeypatch.setitem(unet.info, "appearance_guidance", 2.0)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        sample(-1)
    strong = sample(101.0)  # these small random weights hardly heed their cues
    assert golden.max_error(strong, sample(101.0, batch_guidance=False)) <= 1e-3
    assert torch.equal(sample(None), sample(2.0))
    assert (strong - plain).abs().max() > 0.02
    assert golden.max_error(sample(51.0) - plain, (strong - plain) / 2) <= 1e-3

    untold = Cues(cues.motion, torch.full_like(cues.appearance, UNTOLD_APPEARANCE))
    ignored, left_out = (
        sample_video(unet, *texts, **known, cues=told, guidance=1.0, appearance_guidance=scale)
        for told, scale in ((cues, 0.0), (untold, 1.0))
    )
    assert golden.max_error(ignored, left_out) <= 1e-5


def test_each_condition_that_is_guided_takes_a_part_of_a_step(unet, texts, monkeypatch):
    monkeypatch.setitem(unet.info, "appearance_guidance", 2.0)
    noise, _ = draw_video_noise(0, (1, 4, 6, 4, 6))
    known = {"prior": torch.randn(1, 4, 4, 6), "cues": Cues.constant(6), "noise": noise, "steps": 1}
    sizes = []
    hook = unet.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    for scales in ((3.0, 2.0), (3.0, 1.0), (1.0, 2.0), (1.0, 1.0)):
        sample_video(unet, *texts, **known, guidance=scales[0], appearance_guidance=scales[1])
    sample_video(unet, *texts, **known, guidance=3.0, batch_guidance=False)
    hook.remove()
    assert sizes == [3, 2, 2, 1, 1, 1, 1]


def test_a_caller_sees_every_step_and_may_stop(unet, texts):
    run = prior_steps(unet, *texts, noise=draw_noise(0, (1, 4, 1, 4, 6)), steps=5)
    first = next(run)
    assert (first.index, first.steps) == (1, 5)
    assert first.x.shape == first.x0.shape == (1, 4, 1, 4, 6)
    run.close()


def test_guidance_of_one_never_runs_the_unconditional_half(unet, texts):
    sizes = []
    hook = unet.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    sample_prior(unet, *texts, noise=draw_noise(0, (1, 4, 1, 4, 6)), steps=2, guidance=1.0)
    hook.remove()
    assert sizes == [1, 1]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [7, 50, 600])
def test_samplers_find_the_data_when_the_velocity_is_exact(sampler, steps):
    """One data point: then the best velocity is known, and every sampler has to end at that point."""
    x0 = torch.linspace(-2, 2, 24).view(1, 4, 1, 2, 3)

    def exact(x, t):
        t = torch.tensor([t])
        alpha_x0 = add_noise(x0, torch.zeros_like(x0), t)
        sigma = add_noise(torch.zeros_like(x0), torch.ones_like(x0), t)
        return velocity(x0, (x - alpha_x0) / sigma, t)

    *_, last = SAMPLERS[sampler](exact, draw_noise(1, x0.shape), steps)
    assert golden.max_error(last.x0, x0) <= 1e-3
    assert golden.max_error(last.x, x0) <= 0.15  # t = 0 still has a little noise


def test_the_two_step_solver_is_far_more_exact_than_ddim():
    """For Gaussian data the flow is known: x keeps its quantile, so it ends at x * spread(0) / spread(start)."""
    one, zero = torch.ones(1, 1, 1, 1, 1), torch.zeros(1, 1, 1, 1, 1)

    def alpha_sigma(t):
        t = torch.tensor([t])
        return add_noise(one, zero, t), add_noise(zero, one, t)

    def variance(t):
        alpha, sigma = alpha_sigma(t)
        return 0.25 * alpha**2 + sigma**2

    def gaussian(x, t):
        alpha, sigma = alpha_sigma(t)
        return (alpha * x - 0.25 * alpha / variance(t) * x) / sigma

    def error(sampler, steps):
        *_, last = sampler(gaussian, one, steps)
        return (last.x - (variance(0) / variance(timesteps(steps)[0])).sqrt()).abs().item()

    assert error(dpmpp_2m, 20) < 0.6 * error(SAMPLERS["ddim"], 20)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda u, t: sample_prior(u, *t, noise=torch.zeros(1, 4, 2, 4, 6)), "spatial stage must be"),
        (lambda u, t: sample_prior(u, *t, noise=torch.zeros(1, 4, 1, 4, 6), sampler="euler"), "got 'euler'"),
        (
            lambda u, t: sample_video(
                u, *t, prior=torch.zeros(1, 4, 4, 6), cues=Cues.constant(8), noise=torch.zeros(1, 4, 6, 4, 6)
            ),
            "for these cues",
        ),
    ],
)
def test_wrong_calls_say_what_is_wrong(unet, texts, call, message):
    with pytest.raises(ValueError, match=message):
        call(unet, texts)
