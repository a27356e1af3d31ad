"""HiGen Accelerate in HiGen's and in ComfyUI's samplers."""

import logging
from dataclasses import replace

import pytest
import torch
from comfy_extras.nodes_custom_sampler import BasicScheduler, DualCFGGuider, KSamplerSelect, SamplerCustomAdvanced
from comfy_extras.nodes_easycache import EasyCacheNode, LazyCacheNode
from higen_pack import higen_core as hg
from higen_pack.higen_core.models.schedules import FittedStep
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.samplers import HiGenSpatialPriorSampler, HiGenTemporalSampler
from higen_pack.nodes.sampling.accelerate import HiGenAccelerate
from higen_pack.nodes.stock_sampling import HiGenApplyCues, HiGenGuider, HiGenVideoNoise

from nodes import KSampler

from .. import networks

STEPS, CFG, SEED = 6, 3.0, 3
CUES = hg.Cues(torch.arange(7) * 60, hg.Cues.constant(8, appearance=0.4).appearance)
SCHEDULE = hg.FittedSchedule(
    (
        FittedStep(901, 0.9, (0.1,), evaluated=("text", "appearance"), text=(1.0,), appearance=(1.0,)),
        FittedStep(501, 0.6, (0.5, -0.1), 0.05, text=(0.8,), appearance=(0.5,)),
        FittedStep(101, 0.1, (1.0, 0.1, -0.1), evaluated=("text",), text=(0.7, 0.1), appearance=(0.2,)),
    ),
    3.0,
    2.0,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "unet.safetensors"
    options = networks.METADATA | {"noise_correlation": 300.0, "appearance_guidance": 2.0}
    return load_model(str(networks.random_file(path, hg.UNet, networks.UNET, **options)), "fp32")


@pytest.fixture
def with_schedules(model):
    """The model, with weights that state a schedule of the preset fast."""
    unet = model.model.diffusion_model
    plain, unet.info = unet.info, replace(unet.info, schedules={"fast": SCHEDULE})
    yield model
    unet.info = plain


class Counter:
    """Counts the branches that the network evaluates."""

    def __init__(self, model, frames=8):
        self.count, self.frames = 0, frames
        self.handle = model.model.diffusion_model.register_forward_pre_hook(self._add)

    def _add(self, _, args):
        self.count += len(args[0]) // self.frames

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.handle.remove()


def accelerate(model, preset="exact", **parts):
    return HiGenAccelerate.execute(model, preset, **parts)[0]


def prompts():
    width = networks.TEXT_WIDTH
    return [[[torch.randn(1, 77, width, generator=torch.Generator().manual_seed(seed)), {}]] for seed in (1, 2)]


def prior():
    return {"samples": 5 * torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))}


def easy(model, steps=STEPS, sampler="ddim", **options):
    arguments = (model, *prompts(), prior(), SEED, steps, CFG, sampler, CUES)
    return HiGenTemporalSampler.execute(*arguments, **options)[0]["samples"]


def ksampler(model, sampler="euler", steps=STEPS):
    applied = HiGenApplyCues.execute(*prompts(), cues=CUES, prior=prior()).args
    return KSampler().sample(model, SEED, steps, CFG, sampler, "ddim_uniform", *applied)[0]["samples"]


def custom(model, guider):
    sigmas = BasicScheduler.execute(model, "ddim_uniform", STEPS, 1.0)[0]
    euler = KSamplerSelect.execute("euler")[0]
    latent = HiGenApplyCues.execute(*prompts(), cues=CUES, prior=prior())[2]
    noise = HiGenVideoNoise.execute(model, SEED, CUES)[0]
    return SamplerCustomAdvanced.execute(noise, guider, euler, sigmas, latent)[0]["samples"]


def core(model, **options):
    """The video of the core, in the scale of the nodes."""
    unet = hg.load_unet(model.cached_patcher_init[1][0])
    noise, offset_noise = hg.draw_video_noise(SEED, (1, 4, 8, 8, 8))
    inputs = {"prior": prior()["samples"] * hg.LATENT_SCALE, "cues": CUES, "noise": noise, "offset_noise": offset_noise}
    text, uncond = (states for ((states, _),) in prompts())
    return hg.sample_video(unet, text, uncond, guidance=CFG, **inputs, **options)[0].movedim(1, 0) / hg.LATENT_SCALE


@pytest.mark.parametrize("sample", [easy, ksampler])
def test_exact_is_the_plain_result_to_the_bit(model, sample):
    assert torch.equal(sample(accelerate(model)), sample(model))
    assert torch.equal(sample(accelerate(accelerate(model, "fast"))), sample(model))


def test_parts_take_effect_in_the_easy_sampler_as_in_the_core(model):
    parts = {"guidance_every": 2, "evaluate_every": 2, "order": 0}
    with Counter(model) as counter:
        samples = easy(accelerate(model, **parts))
    assert counter.count == 4 + 2 * 3  # steps 0, 1, 3 and 5, and the guidance in all but one of them
    expected = core(model, steps=STEPS, sampler="ddim", acceleration=hg.Acceleration(**parts))
    torch.testing.assert_close(samples, expected, atol=1e-2, rtol=1e-3)


def test_a_schedule_takes_effect_in_the_easy_sampler_as_in_the_core(with_schedules):
    fast = accelerate(with_schedules, "fast")
    with Counter(with_schedules) as counter:
        samples = easy(fast, steps=0, sampler="model default")
    assert counter.count == SCHEDULE.evaluations
    expected = core(with_schedules, acceleration=hg.Acceleration(SCHEDULE))
    torch.testing.assert_close(samples, expected, atol=1e-2, rtol=1e-3)
    output = HiGenTemporalSampler.execute(fast, *prompts(), prior(), SEED, 0, CFG, "model default", CUES)
    assert output.ui["higen_defaults"] == [{"steps": 3, "sampler": "fitted at cfg 3"}]


def test_steps_that_are_asked_for_are_taken(with_schedules):
    """The guidance is then forecast."""
    with Counter(with_schedules) as counter:
        easy(accelerate(with_schedules, "fast"))
    assert counter.count == STEPS + 2 * STEPS // 2


def test_weights_without_schedules_take_fewer_steps(model):
    with Counter(model) as counter:
        easy(accelerate(model, "fast"), steps=0)
    assert counter.count == 8 + 2 * 4


def test_ksampler_evaluates_the_guidance_every_second_step(model):
    with Counter(model) as counter:
        samples = ksampler(accelerate(model, guidance_every=2))
    steps = counter.count * 2 // 3  # ddim_uniform makes one step more of a number that does not divide 1000
    assert steps in (STEPS, STEPS + 1)
    plain = ksampler(model)
    assert 0 < (samples - plain).abs().mean() < 0.2 * plain.std()


def test_samplers_that_evaluate_between_the_steps_go_on(model):
    assert ksampler(accelerate(model, guidance_every=2), "heun").isfinite().all()


def test_the_guider_forecasts_both_guidances(model):
    fast = accelerate(model, guidance_every=2)
    positive, negative, _ = HiGenApplyCues.execute(*prompts(), cues=CUES, prior=prior()).args
    plain, forecast = (
        custom(each, HiGenGuider.execute(each, positive, negative, CFG, 2.0)[0]) for each in (model, fast)
    )
    assert 0 < (forecast - plain).abs().mean() < 0.2 * plain.std()


def test_windows_are_accelerated(model):
    with Counter(model, frames=4) as counter:
        easy(accelerate(model, guidance_every=2), context_length=4, context_overlap=2)
    assert counter.count == 3 * (STEPS + 2 * STEPS // 2)


def test_the_prior_stays_as_it_is(model):
    def sample(model):
        return HiGenSpatialPriorSampler.execute(model, *prompts(), 64, 64, SEED, STEPS, CFG, "ddim")[0]["samples"]

    assert torch.equal(sample(accelerate(model, "fast", evaluate_every=3)), sample(model))


def test_the_log_says_what_was_saved(model, caplog):
    with caplog.at_level(logging.INFO):
        easy(accelerate(model, guidance_every=2))
    assert "HiGen Accelerate: 12 evaluations of the model in 6 steps, 6 saved" in caplog.text


@pytest.mark.parametrize(("cache", "name"), [(EasyCacheNode, "EasyCache"), (LazyCacheNode, "LazyCache")])
def test_caches_of_comfyui_are_refused_by_name(model, cache, name):
    cached = cache.execute(model, 0.2, 0.15, 0.95, False)[0]
    with pytest.raises(ValueError, match=f"model has {name}, which cannot be combined with HiGen Accelerate"):
        accelerate(cached, "fast")
    accelerate(cached, "exact")
    with pytest.raises(ValueError, match=f"model has {name}"):
        easy(cache.execute(accelerate(model, "fast"), 0.2, 0.15, 0.95, False)[0])


def test_guiders_that_evaluate_in_their_own_way_are_refused_by_name(model):
    fast = accelerate(model, "fast")
    positive, negative, _ = HiGenApplyCues.execute(*prompts(), cues=CUES, prior=prior()).args
    guider = DualCFGGuider.execute(fast, positive, positive, negative, CFG, CFG, "regular")[0]
    with pytest.raises(ValueError, match="guider is Guider_DualCFG, .* use CFGGuider or HiGen Guider"):
        custom(fast, guider)


def test_other_models_are_refused():
    other = type("Patcher", (), {"model": object()})()
    with pytest.raises(ValueError, match="model must be a HiGen model, from HiGen Loader, got object"):
        accelerate(other)
