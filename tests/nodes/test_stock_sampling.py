"""ComfyUI's own samplers on a HiGen MODEL, held against the samplers of the core."""

from dataclasses import replace

import pytest
import torch
from comfy_extras.nodes_custom_sampler import BasicScheduler, KSamplerSelect, RandomNoise, SamplerCustomAdvanced
from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete
from higen_pack import higen_core as hg
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.samplers import HiGenSpatialPriorSampler, HiGenTemporalSampler
from higen_pack.nodes.stock_sampling import HiGenApplyCues, HiGenGuider, HiGenVideoNoise
from safetensors.torch import load_file

from nodes import KSampler, KSamplerAdvanced

from ..comfyui.paths import ROOT
from . import networks

STEPS, CFG, SEED = 20, 7.5, 3
GOLDEN = ROOT / "tests/golden"


@pytest.fixture(scope="module")
def random_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "unet.safetensors"
    options = networks.METADATA | {"noise_correlation": 300.0, "appearance_guidance": 3.0}
    return load_model(str(networks.random_file(path, hg.UNet, networks.UNET, **options)), "fp32")


def core_of(model) -> hg.UNet:
    """The network of a MODEL as the core loads it, sampled at the time steps of ddim_uniform."""
    unet = hg.load_unet(model.cached_patcher_init[1][0])
    unet.info = replace(unet.info, timestep_spacing="leading")
    return unet


def prompts(model):
    width = model.model.diffusion_model.config.y_dim
    return [[[torch.randn(1, 77, width, generator=torch.Generator().manual_seed(seed)), {}]] for seed in (1, 2)]


def states(model):
    return [states for ((states, _),) in prompts(model)]


def empty(frames=1):
    return {"samples": torch.zeros(frames, 4, 8, 8)}


def prior():
    return {"samples": 5 * torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))}


CUES = hg.Cues(torch.arange(7) * 60, hg.Cues.constant(8, appearance=0.4).appearance)


def apply_cues(model, cues=CUES):
    return HiGenApplyCues.execute(*prompts(model), cues=cues, prior=prior()).args


def ksampler(model, positive, negative, latent, steps=STEPS):
    options = (SEED, steps, CFG, "euler", "ddim_uniform")
    return KSampler().sample(model, *options, positive, negative, latent)[0]["samples"]


def advanced(model, noise, guider, latent, steps=STEPS):
    sigmas = BasicScheduler.execute(model, "ddim_uniform", steps, 1.0)[0]
    euler = KSamplerSelect.execute("euler")[0]
    return SamplerCustomAdvanced.execute(noise, guider, euler, sigmas, latent)[0]["samples"]


def close(samples, expected, atol=1e-3):
    """In the scale of the core."""
    torch.testing.assert_close(samples * hg.LATENT_SCALE, expected, atol=atol, rtol=0)


@pytest.fixture(scope="module", params=["golden", pytest.param("mini", marks=pytest.mark.medium)])
def case(request):
    """A MODEL, text states of a prompt and of an empty one, and a prior in the scale of the core."""
    if request.param == "golden":
        golden = load_file(GOLDEN / "diffusion_cases.safetensors")
        model, texts = load_model(str(GOLDEN / "unet_small_weights.safetensors"), "fp32"), ("text", "text_uncond")
        return model, [golden[f"sample.{name}"] for name in texts], golden["sample50.prior"]
    towers = hg.load_clip("mini")
    texts = [towers.encode_text([text]) for text in ("a cat moving right on a white background", "")]
    noise = hg.draw_noise(1, (1, 4, 1, 8, 8))
    prior = hg.sample_prior(hg.load_unet("mini"), *texts, noise=noise, steps=12, guidance=3.0, sampler="dpmpp_2m")
    return load_model("mini", "fp32"), texts, prior


def test_ksampler_gives_the_priors_of_the_core(case):
    model, texts, prior = case
    noise = hg.draw_noise(SEED, prior[:, :, None].shape)
    *_, last = hg.prior_steps(core_of(model), *texts, noise=noise, steps=STEPS, guidance=CFG, sampler="ddim")
    latent = {"samples": torch.zeros_like(prior)}
    close(ksampler(model, *([[text, {}]] for text in texts), latent), last.x0[:, :, 0])


def test_ksampler_gives_the_videos_of_the_core(case):
    model, texts, prior = case
    cues = hg.Cues.constant(model.model.info.frames, 300, 0.5)
    noise, offset_noise = hg.draw_video_noise(SEED, (1, 4, cues.frames, *prior.shape[2:]))
    *_, last = hg.video_steps(
        core_of(model),
        *texts,
        prior=prior,
        cues=cues,
        noise=noise,
        offset_noise=offset_noise,
        steps=STEPS,
        guidance=CFG,
        appearance_guidance=1.0,
        sampler="ddim",
    )
    positive, negative = ([[text, {}]] for text in texts)
    applied = HiGenApplyCues.execute(positive, negative, {"samples": prior / hg.LATENT_SCALE}, cues).args
    close(ksampler(model, *applied), last.x0[0].movedim(1, 0))


def test_several_priors_of_one_batch_are_those_of_single_latents(random_model):
    """The stock behavior of a batch: one noise is drawn for all images."""
    noise = hg.draw_noise(SEED, (3, 4, 8, 8))
    unet = core_of(random_model)
    samples = ksampler(random_model, *prompts(random_model), empty(3), steps=4)
    for i in range(3):
        *_, last = hg.prior_steps(unet, *states(random_model), noise=noise[i][None, :, None], steps=4, guidance=CFG)
        close(samples[i : i + 1], last.x0[:, :, 0])


@pytest.mark.medium
def test_the_guider_and_the_noise_give_what_the_easy_sampler_gives(random_model):
    """But for the noise that the released sampler leaves at t = 0, whose share is 0.03."""
    model = random_model
    positive, negative, latent = apply_cues(model)
    guider = HiGenGuider.execute(model, positive, negative, CFG)[0]
    noise = HiGenVideoNoise.execute(model, SEED, CUES)[0]
    samples = advanced(model, noise, guider, latent)
    easy = HiGenTemporalSampler.execute(model, *prompts(model), prior(), SEED, STEPS, CFG, "ddim", CUES)[0]["samples"]
    scale = easy.std()
    assert (samples - easy).abs().mean() < 0.03 * scale
    plain = HiGenGuider.execute(model, positive, negative, CFG, appearance_cfg=1.0)[0]
    assert (advanced(model, noise, plain, latent) - easy).abs().mean() > 0.05 * scale
    torch.testing.assert_close(advanced(model, RandomNoise.execute(SEED)[0], guider, latent), samples)


def test_dpmpp_2m_gives_the_priors_of_the_core(random_model):
    prior = HiGenSpatialPriorSampler.execute(random_model, *prompts(random_model), 64, 64, SEED, 4, CFG, "dpmpp_2m")[0]
    expected = hg.sample_prior(
        core_of(random_model),
        *states(random_model),
        noise=hg.draw_noise(SEED, (1, 4, 1, 8, 8)),
        steps=4,
        guidance=CFG,
        sampler="dpmpp_2m",
    )
    close(prior["samples"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("ranges", "same_as"),
    [
        ({"cfg_end": 0.0, "appearance_end": 0.0}, {"cfg": 1.0, "appearance_cfg": 1.0}),
        ({"cfg_start": 1.0}, {"cfg": 1.0}),
        ({"appearance_start": 1.0}, {"appearance_cfg": 1.0}),
        ({"cfg_start": 0.0, "cfg_end": 1.0, "appearance_start": 0.0, "appearance_end": 1.0}, {}),
    ],
)
def test_a_guidance_applies_in_its_range(random_model, ranges, same_as):
    model = random_model
    positive, negative, latent = apply_cues(model)
    noise = HiGenVideoNoise.execute(model, SEED, CUES)[0]

    def sample(**options):
        guider = HiGenGuider.execute(model, positive, negative, **({"cfg": CFG} | options))[0]
        return advanced(model, noise, guider, latent, steps=5)

    torch.testing.assert_close(sample(**ranges), sample(**same_as), atol=1e-4, rtol=1e-4)
    if same_as:
        assert not torch.allclose(sample(**ranges), sample(), atol=1e-2)


def test_guidance_on_appearance_costs_a_prior_nothing(random_model):
    calls = []
    hook = random_model.model.diffusion_model.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    guider = HiGenGuider.execute(random_model, *prompts(random_model), CFG, appearance_cfg=3.0)[0]
    advanced(random_model, RandomNoise.execute(SEED)[0], guider, empty(), steps=2)
    hook.remove()
    assert calls == [2, 2]


def test_noise_that_is_off_is_left_off(random_model):
    """The second half of KSampler (Advanced) goes on from the latent of the first."""
    positive, negative, latent = apply_cues(random_model)

    def run(add_noise, start, end, samples, keep_noise):
        return KSamplerAdvanced().sample(
            *(random_model, add_noise, SEED, 6, CFG, "euler", "ddim_uniform", positive, negative, samples),
            *(start, end, keep_noise),
        )[0]

    whole = run("enable", 0, 6, latent, "disable")
    half = run("enable", 0, 3, latent, "enable")
    torch.testing.assert_close(run("disable", 3, 6, half, "disable")["samples"], whole["samples"], atol=1e-3, rtol=1e-3)


def test_a_mask_on_an_empty_latent_keeps_it_empty(random_model):
    positive, negative, latent = apply_cues(random_model)
    mask = torch.zeros(1, 8, 8)
    mask[..., 4:] = 1
    samples = ksampler(random_model, positive, negative, latent | {"noise_mask": mask}, steps=5)
    assert samples[..., :4].abs().max() < 1e-4
    assert samples[..., 4:].std() > 0.1
    sigma, noise, kept = torch.ones(8), torch.ones(8, 4, 8, 8), torch.zeros(8, 4, 8, 8)
    assert random_model.model.scale_latent_inpaint(sigma=sigma, noise=noise, latent_image=kept).equal(noise)


def test_patches_of_predictions_see_those_of_the_prompts_alone(random_model):
    """And leave guidance on the appearance cue as it is: two equal predictions are no guidance on the text."""
    positive, negative, latent = apply_cues(random_model)
    counts = []
    patched = random_model.clone()

    def patch(arguments):
        counts.append((len(arguments["conds"]), len(arguments["conds_out"])))
        return arguments["conds_out"][:1] * 2

    patched.set_model_sampler_pre_cfg_function(patch)
    noise = HiGenVideoNoise.execute(random_model, SEED, CUES)[0]

    def video(model, cfg, **options):
        guider = HiGenGuider.execute(model, positive, negative, cfg, **options)[0]
        return advanced(model, noise, guider, latent, steps=2)

    without_text = video(patched, CFG)
    assert counts == [(2, 2), (2, 2)]
    torch.testing.assert_close(without_text, video(random_model, 1.0))
    assert (without_text - video(random_model, 1.0, appearance_cfg=1.0)).abs().max() > 0.01


@pytest.mark.parametrize("shape", [(1, 4, 5, 8, 8), (4, 8, 8), (1, 16, 8, 8)])
def test_latents_of_other_shapes_are_an_error(random_model, shape):
    with pytest.raises(ValueError, match="the latent must be .frames, 4, height/8, width/8. for HiGen, got"):
        random_model.model.memory_required(list(shape))


def test_a_model_with_other_noise_levels_is_refused_by_the_easy_samplers(random_model):
    distilled = ModelSamplingDiscrete().patch(random_model, "lcm", False)[0]
    with pytest.raises(ValueError, match="model has 50 noise levels, HiGen's samplers need 1000"):
        HiGenSpatialPriorSampler.execute(distilled, *prompts(random_model), 64, 64, SEED, 2, CFG, "ddim")


def test_more_frames_than_trained_on_are_an_error_in_stock_samplers_too(random_model):
    positive, negative, latent = apply_cues(random_model, hg.Cues.constant(17))
    with pytest.raises(ValueError, match="cues are for 17 frames, this model was trained on 16: lower frames in HiGen"):
        ksampler(random_model, positive, negative, latent)


def test_the_noise_of_other_cues_is_an_error(random_model):
    positive, negative, latent = apply_cues(random_model)
    guider = HiGenGuider.execute(random_model, positive, negative, CFG)[0]
    noise = HiGenVideoNoise.execute(random_model, SEED, hg.Cues.constant(5))[0]
    with pytest.raises(ValueError, match="the latent has 8 frames, but the noise is for cues of 5"):
        advanced(random_model, noise, guider, latent)
