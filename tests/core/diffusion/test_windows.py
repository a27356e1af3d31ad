"""Context windows: which frames they have, how they are blended, and what the denoiser gets for each of them."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from higen_core import Cues, draw_noise, draw_video_noise, load_unet, sample_video
from higen_core.diffusion.windows import blend_weights, plan_windows, velocity_in_windows

from .. import golden

TRAINED = 8


@pytest.fixture(scope="module")
def unet():
    unet = load_unet(golden.path("unet_small_weights"))
    unet.info = replace(unet.info, frames=TRAINED, noise_correlation=300.0)
    return unet


@pytest.fixture(scope="module")
def texts():
    case = golden.cases("diffusion_cases", "sample.")
    return case["text"], case["text_uncond"]


@pytest.fixture
def calls(unet):
    """The arguments of every call of the network."""
    recorded = []
    hook = unet.register_forward_pre_hook(
        lambda _, args, kwargs: recorded.append(dict(x=args[0], t=args[1], **kwargs)), with_kwargs=True
    )
    yield recorded
    hook.remove()


def sample(unet, texts, cues, seed=0, **options):
    noise, offset_noise = draw_video_noise(seed, (1, 4, cues.frames, 4, 6))
    inputs = {"prior": draw_noise(1, (1, 4, 4, 6)), "cues": cues, "noise": noise, "offset_noise": offset_noise}
    return sample_video(unet, *texts, **inputs, **{"steps": 2, "guidance": 1.0} | options)


@pytest.mark.parametrize("frames", [17, 24, 64, 129, 1024])
@pytest.mark.parametrize("overlap", [None, 0, 4, 15])
@pytest.mark.parametrize("loop", [False, True])
def test_windows_cover_the_clip_with_at_least_the_overlap(frames, overlap, loop):
    windows = plan_windows(frames, 16, None, overlap, loop)
    indices = windows.indices()
    assert all(len(window) == 16 for window in indices)
    assert {frame for window in indices for frame in window} == set(range(frames))
    pairs = list(pairwise([*indices, indices[0]] if loop else indices))
    assert all(len({*a} & {*b}) >= (8 if overlap is None else overlap) for a, b in pairs)
    if not loop:
        assert all(window == sorted(window) for window in indices)
        assert (indices[0][0], indices[-1][-1]) == (0, frames - 1)


def test_the_windows_of_a_loop_turn_from_step_to_step():
    windows = plan_windows(32, 16, loop=True)
    assert [windows.indices(step)[0][0] for step in range(6)] == [0, 16, 8, 24, 4, 20]
    assert plan_windows(33, 16).indices(3) == plan_windows(33, 16).indices()


def test_a_short_loop_is_seen_from_two_starts():
    assert plan_windows(6, 16, loop=True).indices() == [[0, 1, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2]]
    assert not plan_windows(16, 16).needed
    assert plan_windows(17, 16).needed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 17}, "context_length is 17, but this model was trained on 16 frames: lower it"),
        ({"length": 1}, "context_length must be at least 2 frames, got 1"),
        ({"length": 8, "overlap": 8}, "context_overlap must be 0 to 7 for windows of 8 frames, got 8"),
        ({"overlap": -1}, "context_overlap must be 0 to 15 for windows of 16 frames, got -1"),
    ],
)
def test_windows_out_of_range_are_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        plan_windows(64, 16, **options)


def test_what_windows_agree_on_is_kept_and_the_rest_blended():
    windows = plan_windows(24, 16)
    x = torch.randn(1, 2, 24, 1, 1)
    assert torch.allclose(velocity_in_windows(lambda frames: lambda x, t: x * t, windows, [3])(x, 3), 3 * x)
    first_frame = velocity_in_windows(lambda frames: lambda x, t: torch.full_like(x, frames[0]), windows, [3])(x, 3)
    curve = first_frame[0, 0, :, 0, 0]
    assert (curve[:8] == 0).all() and (curve[16:] == 8).all()
    assert (curve[7:17].diff() > 0).all()
    assert blend_weights(5) == [1, 2, 3, 2, 1]


def test_each_window_has_its_own_cues_and_the_same_prior(unet, texts, calls):
    motion = torch.arange(11) * 40
    cues = Cues(motion, Cues.constant(12, appearance=0.5).appearance)
    sample(unet, texts, cues, steps=1)
    assert [call["x"].shape[2] for call in calls] == [8, 8]
    for call, window in zip(calls, ([*range(8)], [*range(4, 12)]), strict=True):
        assert call["motion"].equal(motion[window[:-1]][None])
        assert call["appearance"].equal(cues.select(window).rows()[None])
        assert call["prior"].equal(calls[0]["prior"])
    assert calls[0]["x"][:, :, 4:].equal(calls[1]["x"][:, :, :4])


def test_a_clip_of_one_window_is_sampled_as_without(unet, texts, calls):
    whole = sample(unet, texts, Cues.constant(TRAINED))
    assert [call["x"].shape[2] for call in calls] == [TRAINED] * 2
    assert sample(unet, texts, Cues.constant(TRAINED), context_length=TRAINED, context_overlap=2).equal(whole)


def test_noise_does_not_depend_on_the_windows(unet, texts, calls):
    cues = Cues.constant(12, motion=200)
    sample(unet, texts, cues, steps=1)
    sample(unet, texts, cues, steps=1, context_length=6, context_overlap=0)
    a, b = (
        {f: call["x"][0, :, k] for call, w in part for k, f in enumerate(w)}
        for part in (
            zip(calls[:2], plan_windows(12, TRAINED).indices(), strict=True),
            zip(calls[2:], plan_windows(12, TRAINED, 6, 0).indices(), strict=True),
        )
    )
    assert all(a[frame].equal(b[frame]) for frame in range(12))


@pytest.mark.parametrize("frames", [6, 12])
def test_a_loop_is_the_same_from_any_of_its_windows_on(unet, texts, frames):
    """Turning the noise of a loop by the distance of its windows turns the video: no frame is the first."""
    cues = Cues.constant(frames, motion=300, appearance=1.0)
    noise, prior = draw_noise(3, (1, 4, frames, 4, 6)), draw_noise(1, (1, 4, 4, 6))
    shift = plan_windows(frames, TRAINED, loop=True).indices()[1][0]

    def video(noise):
        return sample_video(unet, *texts, prior=prior, cues=cues, noise=noise, steps=2, guidance=1.0, loop=True)

    torch.testing.assert_close(video(noise.roll(shift, dims=2)), video(noise).roll(shift, dims=2), atol=1e-4, rtol=1e-4)
