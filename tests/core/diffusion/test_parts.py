"""Parts of the image and of the clip: cues with a mask, and several priors."""

import pytest
import torch

from higen_core import Cues, blend_priors, draw_noise, draw_video_noise, key_frames, load_unet, sample_video
from higen_core.diffusion.estimates import hold_still, keep_frames
from higen_core.diffusion.noise import correlate_noise
from higen_core.diffusion.prior_track import prior_of_frames

from .. import golden

MASK = torch.zeros(6, 4, 6)
MASK[..., :3] = 1


@pytest.fixture(scope="module")
def unet():
    return load_unet(golden.path("unet_small_weights"))


@pytest.fixture(scope="module")
def sample(unet):
    """A function that samples a video of one prior and given cues."""
    case = golden.cases("diffusion_cases", "sample.")
    noise, offset_noise = draw_video_noise(0, (1, 4, 6, 4, 6))

    def run(cues, prior=None, **options):
        prior = draw_noise(1, (1, 4, 4, 6)) if prior is None else prior
        options = {"steps": 3, "guidance": 2.0, "noise_correlation": 200.0} | options
        texts = case["text"], case["text_uncond"]
        return sample_video(unet, *texts, prior=prior, cues=cues, noise=noise, offset_noise=offset_noise, **options)

    return run


def test_a_mask_of_ones_gives_the_unmasked_video_to_the_bit(sample):
    cues = Cues.constant(6, 300, 0.5)
    masked = cues.masked(torch.ones(1, 32, 48))
    assert sample(masked).equal(sample(cues))
    assert sample(masked, chunk=4).equal(sample(cues, chunk=4))


def test_a_mask_of_zeros_gives_the_video_of_the_cues_outside(sample):
    outside = Cues.constant(6, 300, 0.5)
    assert sample(Cues.constant(6, 900, 1.0).masked(torch.zeros(1, 4, 6), outside)).equal(sample(outside))


def test_each_side_of_a_mask_follows_its_own_cue(unet):
    """The embedding of one position is that of its cue, before layers that look at the whole image."""
    case = golden.cases("unet_small_cases", "temporal.")
    case.pop("out")
    (b, _, f, h, w), motion, appearance = case["x"].shape, case["motion"], case["appearance"]
    mask = torch.zeros(b, f, h, w)
    mask[..., : w // 2] = 1
    recorded = []
    hook = unet.down[1][0].out_norm.register_forward_pre_hook(lambda _, args: recorded.append(args[0]))
    x, t = case.pop("x"), case.pop("t")
    unet(x, t, **case)
    unet(x, t, **case | {"motion": 1000 - motion, "appearance": 1 - appearance})
    outside = {"outside_motion": 1000 - motion, "outside_appearance": 1 - appearance}
    unet(x, t, **case, mask=mask, **outside)
    hook.remove()
    one, other, both = recorded
    assert both[..., : w // 2].equal(one[..., : w // 2])
    assert both[..., w // 2 :].equal(other[..., w // 2 :])
    assert not one.equal(other)


@pytest.mark.parametrize("chunk", [1, 4])
def test_frames_in_chunks_have_their_own_mask_and_prior(sample, chunk):
    cues = Cues.constant(6, 300).masked(MASK.roll(1, 2) * torch.rand(6, 1, 1), Cues.constant(6, 100, 0.3))
    priors = draw_noise(2, (1, 6, 4, 4, 6))
    torch.testing.assert_close(sample(cues, priors, chunk=chunk), sample(cues, priors), atol=1e-4, rtol=1e-4)


def test_nothing_moves_outside_of_a_mask_with_still_cues(sample):
    video = sample(Cues.constant(6, 800, 0.5).masked(MASK))
    change = video.diff(dim=2).abs()
    assert change[..., 3:].max() < 1e-5
    assert change[..., :3].mean() > 1e-2


def test_other_cues_outside_are_not_held_still(sample):
    video = sample(Cues.constant(6, 800, 0.5).masked(MASK, Cues.constant(6, 400, 0.5)))
    assert video.diff(dim=2).abs()[..., 3:].mean() > 1e-2


def test_what_is_inside_a_mask_is_not_held_to_the_bit():
    x0 = draw_noise(0, (2, 4, 6, 4, 6))
    held = hold_still(x0, MASK)
    assert held[..., :3].equal(x0[..., :3])
    torch.testing.assert_close(held[..., 3:], x0[..., 3:].mean(dim=2, keepdim=True).expand(-1, -1, 6, -1, -1))
    assert hold_still(x0, MASK.expand(2, -1, -1, -1)).equal(held)


def test_noise_is_correlated_at_each_position_by_itself():
    noise = draw_noise(0, (1, 4, 2, 4, 6))
    motion = torch.tensor([0.0, 50, 1000]).view(1, 1, 1, 3).expand(1, 1, 4, 3).repeat_interleave(2, dim=3)
    correlated = correlate_noise(noise, motion, 100.0)
    assert correlated[:, :, 1, :, :2].equal(noise[:, :, 0, :, :2])
    one = correlate_noise(noise, torch.tensor([[50]]), 100.0)
    assert correlated[..., 2:4].equal(one[..., 2:4])
    torch.testing.assert_close(correlated[:, :, 1, :, 4:], noise[:, :, 1, :, 4:])


def test_one_prior_for_each_frame_is_that_prior_to_the_bit(sample):
    prior = draw_noise(1, (1, 4, 4, 6))
    cues = Cues.constant(6, 300)
    assert sample(cues, prior[:, None].expand(-1, 6, -1, -1, -1)).equal(sample(cues, prior))
    assert blend_priors(prior[:, None], [0.5], 6).equal(prior[:, None].expand(-1, 6, -1, -1, -1))


def test_frames_at_the_times_have_their_priors_and_those_between_are_blended():
    a, b, c = priors = draw_noise(0, (3, 4, 2, 2))
    track = blend_priors(priors, [0, 0.5, 1], 9)
    assert track[0].equal(a)
    assert track[4].equal(b)
    assert track[8].equal(c)
    torch.testing.assert_close(track[3], 0.25 * a + 0.75 * b)
    held = blend_priors(priors[:2], [0.25, 0.75], 9)
    assert held[1].equal(a)
    assert held[7].equal(b)


def test_each_frame_reads_its_own_prior(sample):
    priors = draw_noise(0, (1, 2, 4, 4, 6))
    cues = Cues.constant(6, 300)
    track = sample(cues, blend_priors(priors, [0, 1], 6))
    assert not track.equal(sample(cues, priors[:, 0]))
    assert not track.equal(sample(cues, blend_priors(priors.flip(1), [0, 1], 6)))


def test_priors_are_cut_to_the_frames_of_a_window():
    track = draw_noise(0, (6, 4, 2, 2))
    assert prior_of_frames(track, [4, 1]).equal(track[[4, 1]])
    assert prior_of_frames(track[0], [4, 1]) is not None
    assert prior_of_frames(track[0], [4, 1]).equal(track[0])


def test_each_prior_holds_at_the_frame_nearest_to_its_time():
    priors = draw_noise(0, (3, 4, 2, 2))
    times = [0, 0.48, 1]
    assert key_frames(times, 16) == [0, 7, 15]
    assert blend_priors(priors, times, 16)[[0, 7, 15]].equal(priors)


def test_kept_frames_show_exactly_their_priors(sample):
    priors = blend_priors(draw_noise(0, (1, 2, 4, 4, 6)), [0, 1], 6)
    video = sample(Cues.constant(6, 300), priors, keep=[0, 5])
    torch.testing.assert_close(video[:, :, [0, 5]], priors[:, [0, 5]].transpose(1, 2), atol=0.2, rtol=0)
    free = sample(Cues.constant(6, 300), priors)
    assert (free[:, :, 5] - priors[:, 5]).abs().mean() > 0.5
    x0 = draw_noise(1, (1, 4, 6, 4, 6))
    assert keep_frames(x0, priors, torch.zeros(6, dtype=torch.bool)).equal(x0)
    with pytest.raises(ValueError, match=r"keep must be frames 0..5 of a prior .*, got \[6\]"):
        sample(Cues.constant(6, 300), priors, keep=[6])


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0], "times must be one for each of 2 priors, got 1"),
        ([0.5, 0.2], "times must rise: prior 2 is at 0.2, prior 1 at 0.5; put the priors in order"),
        ([0.5, 0.5], "times must rise"),
        ([0.55, 0.6], "times 0.55 and 0.6 are both frame 4 of 6: set them further apart"),
        ([0, 1.5], r"times must lie in 0..1, .* got 1.5 for prior 2"),
        ([0, float("nan")], r"times must lie in 0..1, .* got nan for prior 2"),
    ],
)
def test_times_that_are_out_of_order_are_refused(times, message):
    with pytest.raises(ValueError, match=message):
        blend_priors(torch.zeros(2, 4, 2, 2), times, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prior": torch.zeros(1, 5, 4, 8, 12)}, r"prior must have shape \(1, 6, 4, 8, 12\)"),
        ({"mask": torch.zeros(1, 5, 8, 12)}, r"mask must have shape \(1, 6, 8, 12\)"),
        ({"mask": torch.zeros(1, 6, 8, 12), "outside_motion": torch.zeros(1, 9)}, "outside_motion must have shape"),
    ],
)
def test_wrong_shapes_are_named(unet, change, message):
    case = golden.cases("unet_small_cases", "motion_per_frame.") | change
    case.pop("out")
    with pytest.raises(ValueError, match=message):
        unet(case.pop("x"), case.pop("t"), **case)
