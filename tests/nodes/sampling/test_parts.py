"""Parts of the image and of the clip: masks on cues, prior tracks, noise masks, prompts for some frames."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from comfy.context_windows import IndexListContextHandler, get_matching_context_schedule, get_matching_fuse_method
from higen_pack import higen_core as hg
from higen_pack.nodes import conditioning
from higen_pack.nodes.cue_schedule import HiGenCueSchedule
from higen_pack.nodes.image_prior import HiGenPriorTrack
from higen_pack.nodes.latents import TIMES, check_prior
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.samplers import HiGenTemporalSampler
from higen_pack.nodes.sampling.noise import VideoNoise
from higen_pack.nodes.stock_sampling import HiGenApplyCues

from nodes import ConditioningSetMask, KSampler, SetLatentNoiseMask

from .. import networks

FRAMES, SEED, STEPS = 6, 3, 3
LEFT = torch.zeros(1, 64, 64)
LEFT[..., :32] = 1


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "unet.safetensors"
    options = networks.METADATA | {"noise_correlation": 300.0, "appearance_guidance": 3.0}
    return load_model(str(networks.random_file(path, hg.UNet, networks.UNET, **options)), "fp32")


def random(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def prompts():
    return [[[random(seed, 1, 77, networks.TEXT_WIDTH), {}]] for seed in (1, 2)]


def prior(seed=5):
    return {"samples": 5 * random(seed, 1, 4, 8, 8)}


def schedule(**inputs):
    options = {"frames": FRAMES, "motion": 300, "appearance": 0.5} | inputs
    with ThreadPoolExecutor(1) as thread:  # this thread may have the event loop of a browser
        return thread.submit(asyncio.run, HiGenCueSchedule.execute(**options)).result()[0]


@pytest.fixture(autouse=True)
def node_id(monkeypatch):
    """The hidden input that the server sets."""
    monkeypatch.setattr(HiGenCueSchedule, "hidden", type("Hidden", (), {"unique_id": "1"}), raising=False)


def easy(model, cues, given=None):
    given = prior() if given is None else given
    return HiGenTemporalSampler.execute(model, *prompts(), given, SEED, STEPS, 2.0, "ddim", cues)[0]["samples"]


def stock(model, cues, given=None, positive=None, latent=None):
    given = prior() if given is None else given
    positive = prompts()[0] if positive is None else positive
    positive, negative, empty = HiGenApplyCues.execute(positive, prompts()[1], given, cues).args
    options = (SEED, STEPS, 2.0, "euler", "ddim_uniform", positive, negative, latent or empty)
    return KSampler().sample(model, *options)[0]["samples"]


def track(*seeds, **options):
    return HiGenPriorTrack.execute(**{f"prior_{i}": prior(s) for i, s in enumerate(seeds, 1)}, **options)[0]


def change(samples):
    return samples.diff(dim=0).abs()


def in_windows(model, length=4):
    patched = model.clone()
    patched.model_options["context_handler"] = IndexListContextHandler(
        context_schedule=get_matching_context_schedule("standard_static"),
        fuse_method=get_matching_fuse_method("pyramid"),
        context_length=length,
        context_overlap=2,
        dim=0,
    )
    return patched


@pytest.mark.parametrize("sample", [easy, stock])
def test_a_mask_of_ones_gives_the_unmasked_video_to_the_bit(model, sample):
    assert sample(model, schedule(mask=torch.ones(1, 20, 30))).equal(sample(model, schedule()))


@pytest.mark.parametrize("sample", [easy, stock])
def test_nothing_moves_outside_of_the_mask(model, sample):
    moved = change(sample(model, schedule(mask=LEFT)))
    assert moved[..., 4:].max() < 1e-4
    assert moved[..., :4].mean() > 1e-2


def test_the_easy_sampler_gives_the_video_of_the_core(model):
    cues = schedule(mask=LEFT.expand(FRAMES, -1, -1) * torch.rand(FRAMES, 1, 1), outside=schedule(motion=100))
    priors = track(5, 6)
    samples = easy(model, cues, priors)
    noise, offset_noise = hg.draw_video_noise(SEED, (1, 4, FRAMES, 8, 8))
    expected = hg.sample_video(
        hg.load_unet(model.cached_patcher_init[1][0]),
        *(states for ((states, _),) in prompts()),
        prior=hg.blend_priors(priors["samples"] * hg.LATENT_SCALE, [0, 1], FRAMES)[None],
        keep=[0, FRAMES - 1],
        cues=cues,
        noise=noise,
        offset_noise=offset_noise,
        steps=STEPS,
        guidance=2.0,
        sampler="ddim",
    )
    torch.testing.assert_close(samples * hg.LATENT_SCALE, expected[0].movedim(1, 0), atol=1e-3, rtol=1e-3)


def test_the_noise_of_ksampler_is_that_of_the_masked_cues():
    cues = schedule(mask=LEFT)
    noise = VideoNoise(SEED, cues, 300.0).generate_noise({"samples": torch.zeros(FRAMES, 4, 8, 8)})
    assert change(noise)[..., 4:].max() == 0
    assert change(noise)[..., :4].min() > 0


def test_a_schedule_with_values_of_the_model_keeps_its_mask(model):
    samples = easy(model, schedule(motion=-1, mask=LEFT))
    assert change(samples)[..., 4:].max() < 1e-4


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"mask": torch.ones(4, 8, 8)}, r"mask must be .* one for each of 6 frames, got shape \(4, 8, 8\)"),
        ({"mask": 2 * torch.ones(1, 8, 8)}, "mask must lie in 0..1"),
        ({"mask": "left"}, "mask must be a mask, as a tensor"),
        ({"mask": LEFT, "outside": hg.Cues.constant(6).masked(LEFT)}, "outside have a mask already"),
    ],
)
def test_masks_that_do_not_fit_are_errors(inputs, message):
    with pytest.raises(ValueError, match=message):
        schedule(**inputs)


def test_windows_and_areas_cut_masks_and_priors():
    mask = torch.rand(FRAMES, 8, 8)
    priors = random(0, FRAMES, 4, 8, 8)
    value = conditioning.FrameCues(schedule(mask=mask), priors)
    window = value.in_window(type("Window", (), {"index_list": [3, 1]}))
    assert window.cues.mask.equal(mask[[3, 1]])
    assert window.prior.equal(priors[[3, 1]])
    cond = conditioning.CondCues(value)
    cropped = cond.process_cond(batch_size=FRAMES, area=(2, 4, 1, 3)).cond
    assert cropped.cues.mask.equal(mask[:, 1:3, 3:7])
    assert cropped.prior.equal(priors[..., 1:3, 3:7])
    assert cond.can_concat(cond)
    unmasked = conditioning.CondCues(conditioning.FrameCues(schedule(), priors))
    one_prior = conditioning.CondCues(conditioning.FrameCues(schedule(mask=mask), priors[0]))
    assert not cond.can_concat(unmasked)
    assert not cond.can_concat(one_prior)


def test_masked_cues_on_one_prompt_only_run_beside_others(model):
    """They differ in shape, so each takes a call of its own."""
    positive = HiGenApplyCues.execute(*prompts(), prior(), schedule(mask=LEFT))[0]
    negative, latent = HiGenApplyCues.execute(*prompts(), prior(), schedule()).args[1:]
    samples = KSampler().sample(model, SEED, STEPS, 2.0, "euler", "ddim_uniform", positive, negative, latent)[0]
    assert torch.isfinite(samples["samples"]).all()


def test_a_mask_and_a_track_are_sampled_in_windows(model):
    mask = torch.zeros(12, 64, 64)
    mask[..., :32] = 1
    samples = stock(in_windows(model), schedule(frames=12, mask=mask), track(5, 6))
    assert samples.shape == (12, 4, 8, 8)
    assert change(samples)[:, :, :, 4:].mean() < 0.5 * change(samples)[..., :4].mean()


def test_a_track_has_its_priors_and_their_times():
    given = track(1, 2, 3, times="0, 0.25 1")
    assert given["samples"].equal(torch.cat([prior(i)["samples"] for i in (1, 2, 3)]))
    assert given[TIMES] == [0, 0.25, 1]
    assert check_prior(given, frames=9)[[0, 2, 8]].equal(given["samples"])
    batch = HiGenPriorTrack.execute({"samples": random(0, 3, 4, 8, 8)})[0]
    assert batch[TIMES] == [0, 0.5, 1]


@pytest.mark.parametrize("sample", [easy, stock])
def test_a_track_of_one_prior_gives_the_video_of_that_prior_to_the_bit(model, sample):
    assert sample(model, schedule(), track(5)).equal(sample(model, schedule(), prior(5)))


def test_kept_frames_show_exactly_their_images(model):
    samples = stock(model, schedule(), track(5, 6))
    torch.testing.assert_close(samples[[0, -1]], track(5, 6)["samples"], atol=1e-4, rtol=1e-4)
    windowed = stock(in_windows(model), schedule(frames=12), track(5, 6))
    torch.testing.assert_close(windowed[[0, -1]], track(5, 6)["samples"], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(stock(model, schedule(), track(5, 6, keep=False))[-1], prior(6)["samples"], atol=1)


@pytest.mark.parametrize("sample", [easy, stock])
def test_each_frame_follows_its_own_prior(model, sample):
    one, two, both = (sample(model, schedule(), p) for p in (prior(5), prior(6), track(5, 6, keep=False)))
    first, last = ((both - video).abs().mean(dim=(1, 2, 3)) for video in (one, two))
    assert first[0] < last[0]
    assert last[-1] < first[-1]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"times": "0.5, 0.2"}, "times must rise: prior 2 is at 0.2, prior 1 at 0.5"),
        ({"times": "0"}, "times must be one for each of 2 priors, got 1"),
        ({"times": "0, 2"}, "times must lie in 0..1"),
        ({"times": "0, end"}, "times must be numbers from 0 to 1 such as 0, 0.5, 1, got '0, end'"),
        ({"prior_2": {"samples": torch.zeros(1, 4, 8, 16)}}, "prior_2 is for 128x64 pixels, prior_1 for 64x64"),
        ({"prior_2": {"samples": torch.zeros(1, 16, 8, 8)}}, "prior_2 must be a picture's latent"),
        ({"prior_2": HiGenPriorTrack.execute(prior_1=prior(1), prior_2=prior(2))[0]}, "prior_2 is a prior track"),
    ],
)
def test_priors_that_do_not_fit_are_errors(inputs, message):
    with pytest.raises(ValueError, match=message):
        HiGenPriorTrack.execute(**{"prior_1": prior(1), "prior_2": prior(2)} | inputs)


def test_a_noise_mask_keeps_the_rest_of_a_video(model):
    video = {"samples": stock(model, schedule())}
    (masked,) = SetLatentNoiseMask().set_mask(video, LEFT)
    repainted = stock(model, schedule(motion=800), prior(6), latent=masked)
    torch.testing.assert_close(repainted[..., 4:], video["samples"][..., 4:], atol=1e-4, rtol=1e-4)
    assert (repainted - video["samples"])[..., :4].abs().mean() > 0.1


def test_a_noise_mask_of_frames_keeps_the_other_frames(model):
    video = {"samples": stock(model, schedule())}
    frames = torch.tensor([0.0] * 3 + [1.0] * 3).view(FRAMES, 1, 1).expand(FRAMES, 64, 64)
    repainted = stock(model, schedule(motion=800), prior(6), latent=SetLatentNoiseMask().set_mask(video, frames)[0])
    torch.testing.assert_close(repainted[:3], video["samples"][:3], atol=1e-4, rtol=1e-4)
    assert (repainted - video["samples"])[3:].abs().mean() > 0.1


def test_a_mask_for_each_frame_gives_a_prompt_to_a_span(model):
    """Stock masks on conditionings: frames have the prompt whose mask is 1 there."""
    span = torch.tensor([1.0] * 3 + [0.0] * 3).view(FRAMES, 1, 1).expand(FRAMES, 64, 64)
    one, two = ([[random(seed, 1, 77, networks.TEXT_WIDTH), {}]] for seed in (1, 7))

    def masked(prompt, mask):
        return ConditioningSetMask().append(prompt, mask, "default", 1.0)[0]

    both = masked(one, span) + masked(two, 1 - span)
    videos = [stock(model, schedule(), positive=positive) for positive in (one, two, both)]
    distances = [(videos[2] - video).abs().mean(dim=(1, 2, 3)) for video in videos[:2]]
    assert (distances[0][:3] < distances[1][:3]).all()
    assert (distances[1][3:] < distances[0][3:]).all()
    same = masked(one, span) + masked(one, 1 - span)
    torch.testing.assert_close(stock(model, schedule(), positive=same), videos[0], atol=1e-4, rtol=1e-4)
