"""Both stages: equal to the released samples; their options, devices and errors."""

from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from higen_core import (
    MINI,
    SAMPLERS,
    Cues,
    UNet,
    draw_noise,
    draw_video_noise,
    load_unet,
    prior_steps,
    sample_prior,
    sample_video,
)
from higen_core.cues.cues import NULL_APPEARANCE
from higen_core.diffusion.noise import correlate_noise
from higen_core.diffusion.schedule import alphas_cumprod, timesteps

from .. import golden
from ..peak import made_on

NOISE = (1, 4, 1, 4, 6)


@pytest.fixture(scope="module")
def unet():
    return load_unet(golden.path("unet_small_weights"))


@pytest.fixture(scope="module")
def texts():
    case = golden.cases("diffusion_cases", "sample.")
    return case["text"], case["text_uncond"]


@pytest.fixture
def state(unet, monkeypatch):
    """Makes the weights state other values."""

    def change(**values):
        monkeypatch.setattr(unet, "info", replace(unet.info, **values))

    return change


@pytest.fixture
def calls(unet):
    """The arguments of every call of the network."""
    recorded = []
    hook = unet.register_forward_pre_hook(
        lambda _, args, kwargs: recorded.append(dict(x=args[0], t=args[1], **kwargs)), with_kwargs=True
    )
    yield recorded
    hook.remove()


@pytest.fixture
def video_inputs():
    noise, offset_noise = draw_video_noise(0, (1, 4, 6, 4, 6))
    prior = draw_noise(1, (1, 4, 4, 6))
    return {"prior": prior, "cues": Cues.constant(6), "noise": noise, "offset_noise": offset_noise}


@pytest.mark.parametrize("batch_guidance", [True, False])
@pytest.mark.parametrize("steps", [4, pytest.param(50, marks=pytest.mark.medium)])
def test_both_stages_give_the_released_samples(unet, texts, steps, batch_guidance):
    case = golden.cases("diffusion_cases", f"sample{steps}.")
    options = {"steps": steps, "guidance": 12.0, "batch_guidance": batch_guidance}
    prior = sample_prior(unet, *texts, noise=case["prior_noise"], **options)
    video = sample_video(
        unet,
        *texts,
        prior=case["prior"],
        cues=Cues.constant(frames=32, motion=500, appearance=1.0),
        noise=case["video_noise"],
        offset_noise=case["offset_noise"],
        **options,
    )
    assert golden.max_error(prior, case["prior"]) <= 2e-3
    assert golden.max_error(video, case["video"]) <= 2e-3


def test_the_same_seed_gives_the_same_sample(unet, texts):
    def sample(seed):
        return sample_prior(unet, *texts, noise=draw_noise(seed, NOISE), steps=2)

    assert torch.equal(sample(5), sample(5))
    assert not torch.equal(sample(5), sample(6))


def test_a_caller_gets_every_step_and_may_stop(unet, texts):
    run = prior_steps(unet, *texts, noise=draw_noise(0, NOISE), steps=5)
    first = next(run)
    assert (first.index, first.steps) == (1, 5)
    assert first.x.shape == first.x0.shape == NOISE
    run.close()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_explicit_time_steps_replace_the_number_of_steps(unet, texts, video_inputs, calls, sampler):
    options = {"guidance": 1.0, "sampler": sampler}
    sample_prior(unet, *texts, noise=draw_noise(0, NOISE), timesteps=[999, 500, 20], **options)
    sample_video(unet, *texts, timesteps=[800, 3], **video_inputs, **options)
    assert [int(call["t"]) for call in calls] == [999, 500, 20, 800, 3]
    spaced, explicit = (
        sample_prior(unet, *texts, noise=draw_noise(0, NOISE), **options, **values)
        for values in ({"steps": 4}, {"timesteps": timesteps(4)})
    )
    assert torch.equal(spaced, explicit)


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_steps_are_spaced_as_the_weights_state(unet, texts, video_inputs, calls, state, spacing):
    state(timestep_spacing=spacing)
    sample_prior(unet, *texts, noise=draw_noise(0, NOISE), steps=3, guidance=1.0)
    sample_video(unet, *texts, **video_inputs, steps=3, guidance=1.0)
    assert [int(call["t"]) for call in calls] == 2 * timesteps(3, spacing)


@pytest.mark.parametrize("length", [154, 100])
@pytest.mark.parametrize("batch_guidance", [True, False])
def test_an_unconditional_text_may_have_another_length(unet, texts, video_inputs, calls, length, batch_guidance):
    text, uncond = texts
    text = torch.cat([text, uncond.flip(1), text], dim=1)[:, :length]
    noise, options = draw_noise(0, NOISE), {"steps": 2, "guidance": 3.0}

    def sample(negative, **more):
        prior = sample_prior(unet, text, negative, noise=noise, **options, **more)
        return prior, sample_video(unet, text, negative, **video_inputs, **options, **more)

    result = sample(uncond, batch_guidance=batch_guidance)
    assert {call["text"].shape for call in calls} == {text.shape, uncond.shape}  # and nothing longer
    torch.testing.assert_close(result, sample(uncond, batch_guidance=False), rtol=0, atol=0)
    if length % 77 == 0:  # attention to states and to their repetition is the same
        torch.testing.assert_close(result, sample(uncond.repeat(1, length // 77, 1)), rtol=0, atol=1e-5)


def test_one_unconditional_text_serves_a_batch(unet, texts):
    text, uncond = texts
    noise = draw_noise(0, (2, *NOISE[1:]))
    samples = sample_prior(unet, text.repeat(2, 1, 1), uncond, noise=noise, steps=2, guidance=3.0)
    second = sample_prior(unet, text, uncond, noise=noise[1:], steps=2, guidance=3.0)
    torch.testing.assert_close(samples[1:], second, rtol=0, atol=1e-4)


def test_a_guidance_of_one_does_not_evaluate_the_null_branch(unet, texts, calls):
    sample_prior(unet, *texts, noise=draw_noise(0, NOISE), steps=2, guidance=1.0)
    assert [len(call["x"]) for call in calls] == [1, 1]


def test_each_guided_condition_adds_a_branch(unet, texts, video_inputs, calls, state):
    state(appearance_guidance=2.0)
    for text_scale, appearance_scale in ((3.0, 2.0), (3.0, 1.0), (1.0, 2.0), (1.0, 1.0)):
        options = {"steps": 1, "guidance": text_scale, "appearance_guidance": appearance_scale}
        sample_video(unet, *texts, **video_inputs, **options)
    sample_video(unet, *texts, **video_inputs, steps=1, guidance=3.0, batch_guidance=False)
    assert [len(call["x"]) for call in calls] == [3, 2, 2, 1, 1, 1, 1]


def test_noise_is_correlated_as_the_weights_state(unet, texts, video_inputs, state):
    cues, noise = Cues.constant(6, motion=50), video_inputs["noise"]

    def sample(**options):
        return sample_video(unet, *texts, **(video_inputs | {"cues": cues, "steps": 2} | options))

    independent, correlated = sample(), sample(noise_correlation=200.0)
    assert torch.equal(independent, sample(noise_correlation=0.0))
    assert not torch.allclose(independent, correlated, atol=1e-2)
    total = correlate_noise(noise + 0.1 * video_inputs["offset_noise"], cues.motion[None], 200.0)
    assert torch.equal(correlated, sample(noise=total, offset_noise=None))
    state(noise_correlation=200.0)
    assert torch.equal(correlated, sample())
    with pytest.raises(ValueError, match="noise_correlation must not be negative, got -1"):
        sample(noise_correlation=-1)


def test_appearance_guidance_moves_away_from_the_null_cue(unet, texts, video_inputs, state):
    video_inputs["cues"] = cues = Cues.constant(6, appearance=0.7)

    def sample(scale, **options):
        return sample_video(
            unet, *texts, **(video_inputs | {"steps": 1, "guidance": 3.0, "appearance_guidance": scale} | options)
        )

    with pytest.raises(ValueError, match="guidance is 2.0, but these weights were trained without a null appearance"):
        sample(2.0)
    plain = sample(None)
    assert torch.equal(plain, sample(1.0))
    state(appearance_guidance=2.0)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        sample(-1)
    strong = sample(101.0)  # cues have little effect on these small random weights
    assert golden.max_error(strong, sample(101.0, batch_guidance=False)) <= 1e-3
    assert torch.equal(sample(None), sample(2.0))
    assert (strong - plain).abs().max() > 0.02
    assert golden.max_error(sample(51.0) - plain, (strong - plain) / 2) <= 1e-3

    null = Cues(cues.motion, torch.full_like(cues.appearance, NULL_APPEARANCE))
    no_guidance = sample(0.0, guidance=1.0)
    without_cue = sample(1.0, guidance=1.0, cues=null)
    assert golden.max_error(no_guidance, without_cue) <= 1e-5


def test_full_prior_strength_is_the_default_and_zero_is_no_prior(unet, texts, video_inputs):
    def sample(**options):
        return sample_video(unet, *texts, **(video_inputs | {"steps": 2, "guidance": 3.0} | options))

    assert torch.equal(sample(), sample(prior_strength=1.0))
    assert torch.equal(sample(prior_strength=0.0), sample(prior=0 * video_inputs["prior"]))


def test_videos_of_two_priors_differ_less_at_lower_strength(unet, texts, video_inputs):
    def distance(strength):
        options = {"steps": 2, "guidance": 3.0, "prior_strength": strength}
        first, second = (
            sample_video(unet, *texts, **(video_inputs | {"prior": draw_noise(seed, (1, 4, 4, 6))} | options))
            for seed in (2, 3)
        )
        return float((first - second).abs().mean())

    distances = [distance(strength) for strength in (0.0, 0.25, 0.5, 1.0)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[1] > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_inputs_may_have_another_dtype_than_the_network(unet, texts, video_inputs, dtype):
    """They are rounded to `dtype` first, so that both runs start from the same numbers."""

    def sample(cast):
        names = ("prior", "noise", "offset_noise")
        inputs = video_inputs | {name: cast(video_inputs[name].to(dtype)) for name in names}
        text, uncond = (cast(text.to(dtype)) for text in texts)
        options = {"steps": 2, "guidance": 3.0}
        prior = sample_prior(unet, text, uncond, noise=cast(draw_noise(0, NOISE).to(dtype)), **options)
        return prior, sample_video(unet, text, uncond, **inputs, **options)

    given, single = sample(lambda value: value), sample(torch.Tensor.float)
    assert {value.dtype for value in given} == {torch.float32}
    torch.testing.assert_close(given, single, rtol=0, atol=2e-3)


@pytest.mark.medium
def test_inputs_may_be_on_another_device_than_the_network():
    """The network is on a fake GPU: fake tensors have a device and a dtype, but no values."""
    alphas_cumprod()  # is cached, so it must not be created as a fake tensor
    cues = Cues.constant(9)
    with FakeTensorMode(allow_non_fake_inputs=True):
        with made_on(torch.device("cuda"), torch.bfloat16):
            unet = UNet(MINI)
        text, uncond = torch.zeros(1, 77, MINI.y_dim), torch.zeros(1, 100, MINI.y_dim)
        noise, offset_noise = draw_video_noise(1, (1, 4, 9, 8, 8))
        prior = sample_prior(unet, text, uncond, noise=draw_noise(1, (1, 4, 1, 8, 8)), steps=2)
        inputs = {"cues": cues, "noise": noise, "offset_noise": offset_noise}
        video = sample_video(unet, text, uncond, prior=prior.cpu(), noise_correlation=100.0, steps=2, **inputs)
    assert {value.device.type for value in (prior, video)} == {"cuda"}
    assert {value.dtype for value in (prior, video)} == {torch.float32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": torch.zeros(1, 4, 2, 4, 6)}, r"spatial stage must be \(b, c, 1, h, w\), got \(1, 4, 2, 4, 6\)"),
        ({"sampler": "euler"}, "sampler must be one of ddim, dpmpp_2m, got 'euler'"),
        ({"steps": 0}, "steps must be between 1 and 1000, got 0"),
        ({"timesteps": []}, "timesteps must not be empty"),
        ({"timesteps": [1, 500]}, r"strictly falling and lie in 0..999, got \[1, 500\]"),
        ({"timesteps": [1000, 1]}, r"strictly falling and lie in 0..999, got \[1000, 1\]"),
        ({"uncond": torch.zeros(3, 77, 1024)}, r"uncond must be \(1 or 1, l, d\), got \(3, 77, 1024\)"),
        ({"uncond": torch.zeros(77, 1024)}, r"uncond must be .* got \(77, 1024\)"),
    ],
)
def test_invalid_arguments_are_refused_before_the_first_step(unet, texts, changes, message):
    arguments = {"text": texts[0], "uncond": texts[1], "noise": torch.zeros(NOISE)} | changes
    with pytest.raises(ValueError, match=message):
        prior_steps(unet, **arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cues": Cues.constant(8)}, r"noise must be \(b, c, 8, h, w\) for these cues, got \(1, 4, 6, 4, 6\)"),
        ({"timesteps": [2, 3]}, "strictly falling"),
        ({"prior_strength": -0.1}, "prior_strength must be between 0 and 1, got -0.1"),
        ({"prior_strength": 1.1}, "prior_strength must be between 0 and 1, got 1.1"),
        ({"prior_strength": float("nan")}, "prior_strength must be between 0 and 1, got nan"),
        ({"prior": torch.zeros(1, 4, 4, 4)}, r"prior must have shape \(2, 4, 4, 6\)"),
    ],
)
def test_invalid_video_arguments_are_refused(unet, texts, video_inputs, changes, message):
    with pytest.raises(ValueError, match=message):
        sample_video(unet, *texts, **(video_inputs | changes))
