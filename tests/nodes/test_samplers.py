"""Both sampler nodes give the same latents as the core, wherever ComfyUI keeps the weights; errors name the input."""

from dataclasses import replace

import comfy.model_management
import latent_preview
import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.memory import USABLE
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.models.precision import DTYPES
from higen_pack.nodes.samplers import HiGenSpatialPriorSampler, HiGenTemporalSampler

from nodes import ConditioningSetTimestepRange

from . import networks

STEPS, CFG, SEED = 3, 7.5, 11
SAMPLING = {"seed": SEED, "steps": STEPS, "cfg": CFG, "sampler": "ddim"}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return networks.random_file(folder / "unet.safetensors", hg.UNet, networks.UNET, **networks.METADATA)


@pytest.fixture(scope="module")
def model(path):
    return load_model(str(path), "fp32")


def conditioning(seed, tokens=77, width=networks.TEXT_WIDTH):
    return [[torch.randn(1, tokens, width, generator=torch.Generator().manual_seed(seed)), {}]]


def cues(frames=8, motion=300, appearance=0.5):
    return hg.Cues.constant(frames, motion, appearance)


def sample_prior(model, width=64, height=32, **changed):
    arguments = {"positive": conditioning(1), "negative": conditioning(2), **SAMPLING, **changed}
    return HiGenSpatialPriorSampler.execute(model, width=width, height=height, **arguments)[0]


def sample_video(model, prior, **changed):
    arguments = {"positive": conditioning(1), "negative": conditioning(2), "cues": cues(), **SAMPLING, **changed}
    return HiGenTemporalSampler.execute(model, prior=prior, **arguments)[0]


def core_prior(unet, height=32, width=64):
    noise = hg.draw_noise(SEED, (1, 4, 1, height // 8, width // 8))
    return hg.sample_prior(unet, conditioning(1)[0][0], conditioning(2)[0][0], noise=noise, steps=STEPS, guidance=CFG)


def test_the_prior_is_that_of_the_core(path, model):
    samples = sample_prior(model)["samples"]
    torch.testing.assert_close(samples * hg.LATENT_SCALE, core_prior(hg.load_unet(path)), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("cfg", "appearance_guidance"), [(CFG, None), (1.0, None), (CFG, 10.0), (1.0, 10.0)])
def test_the_video_is_that_of_the_core(path, model, monkeypatch, cfg, appearance_guidance):
    stated = {"motion_response": ((0, 100), (900, 500)), "noise_correlation": 300.0}
    info, unet = replace(model.model.info, appearance_guidance=appearance_guidance, **stated), hg.load_unet(path)
    monkeypatch.setattr(model.model.diffusion_model, "info", info)
    monkeypatch.setattr(unet, "info", info)
    prior = sample_prior(model)
    samples = sample_video(model, prior, cfg=cfg)["samples"]
    noise, offset_noise = hg.draw_video_noise(SEED, (1, 4, 8, 4, 8))
    expected = hg.sample_video(
        unet,
        conditioning(1)[0][0],
        conditioning(2)[0][0],
        prior=prior["samples"] * hg.LATENT_SCALE,
        cues=cues(),
        noise=noise,
        offset_noise=offset_noise,
        steps=STEPS,
        guidance=cfg,
    )
    assert samples.shape == (8, 4, 4, 8)
    torch.testing.assert_close(samples * hg.LATENT_SCALE, expected[0].movedim(1, 0), atol=1e-4, rtol=1e-4)


def test_the_scale_on_the_appearance_cue_is_that_of_the_input_or_of_the_weights(model, monkeypatch):
    prior = sample_prior(model)

    def sample(**options):
        return sample_video(model, prior, **options)["samples"]

    unguided = sample()
    with pytest.raises(ValueError, match="appearance_cfg is 9.0, but these weights were trained without a null"):
        sample(appearance_cfg=9.0)
    monkeypatch.setattr(model.model.diffusion_model, "info", replace(model.model.info, appearance_guidance=9.0))
    guided = sample()
    assert guided.equal(sample(appearance_cfg=9.0))
    assert not torch.allclose(guided, unguided, atol=1e-2)
    torch.testing.assert_close(sample(appearance_cfg=1.0), unguided)


def test_motion_is_calibrated_by_the_response_of_the_weights(model, monkeypatch):
    """Under this response, the cue 450 is what shows motion 300. The noise is correlated by the same cue."""
    prior = sample_prior(model)

    def sample(motion, **stated):
        info = replace(model.model.info, noise_correlation=300.0, **stated)
        with monkeypatch.context() as patch:
            patch.setattr(model.model.diffusion_model, "info", info)
            return sample_video(model, prior, cues=cues(motion=motion))["samples"]

    assert sample(300, motion_response=((0, 100), (900, 500))).equal(sample(450))
    assert not sample(300).equal(sample(450))


def test_a_timestep_range_of_the_whole_sampling_changes_nothing(model):
    prior = sample_prior(model)
    (whole,) = ConditioningSetTimestepRange().set_range(conditioning(1), 0.0, 1.0)
    expected = sample_video(model, prior)["samples"]
    assert sample_video(model, prior, positive=whole)["samples"].equal(expected)


def test_size_zero_is_the_size_that_the_model_was_trained_on(model):
    assert sample_prior(model, width=0, height=0)["samples"].shape == (1, 4, 8, 8)


def test_a_seed_gives_the_same_result_after_the_weights_were_unloaded(model):
    first = sample_prior(model)["samples"]
    comfy.model_management.unload_all_models()
    assert sample_prior(model)["samples"].equal(first)
    assert not sample_prior(model, seed=SEED + 1)["samples"].equal(first)


def test_prompts_of_different_lengths_give_what_they_give_at_a_common_length(model):
    """Attention over the same states twice is attention over them once."""
    positive = conditioning(1, tokens=154)
    ((states, options),) = conditioning(2)
    samples = sample_prior(model, positive=positive)["samples"]
    common_length = sample_prior(model, positive=positive, negative=[[states.repeat(1, 2, 1), options]])["samples"]
    torch.testing.assert_close(samples, common_length, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sampler", hg.SAMPLERS)
def test_every_sampler_runs(model, sampler):
    assert torch.isfinite(sample_video(model, sample_prior(model, sampler=sampler), sampler=sampler)["samples"]).all()


@pytest.mark.parametrize(("dtype", "bound"), [("bf16", 0.05), ("fp16", 0.01)])
def test_half_precision_is_close_to_full_precision(path, model, dtype, bound):
    """The error of ten random networks of this size was 3.7 to 5.3 % in bf16 and 0.4 to 0.7 % in fp16."""
    half = load_model(str(path), dtype)
    assert {parameter.dtype for parameter in half.model.parameters()} == {DTYPES[dtype]}
    exact, approximate = (sample_prior(m)["samples"] for m in (model, half))
    assert (approximate - exact).abs().mean() < bound * exact.abs().mean()


class Previewer(latent_preview.LatentPreviewer):
    """One that answers with nothing."""

    def decode_latent_to_preview_image(self, preview_format, x0):
        return None


@pytest.mark.parametrize(
    ("name", "replacement"),
    [
        ("prepare_callback", lambda *_, **__: None),
        ("get_previewer", lambda *_, **__: None),
        ("get_previewer", lambda *_, **__: Previewer()),
    ],
)
def test_previews_of_another_pack_that_return_nothing_do_not_stop_a_sampler(model, monkeypatch, name, replacement):
    expected = sample_prior(model)["samples"]
    monkeypatch.setattr(latent_preview, name, replacement)
    assert sample_prior(model)["samples"].equal(expected)


def test_comfyui_manages_the_weights(model):
    sample_prior(model)
    assert model in [loaded.model for loaded in comfy.model_management.current_loaded_models]
    assert model.model_size() >= sum(p.numel() * p.element_size() for p in model.model.diffusion_model.parameters())


def test_with_little_memory_the_branches_of_guidance_are_evaluated_one_by_one(model, monkeypatch):
    sizes = []
    model.model.diffusion_model.register_forward_pre_hook(lambda _, arguments: sizes.append(len(arguments[0])))
    batched = sample_prior(model)["samples"]
    one = model.model.memory_required([1, 4, 4, 8])
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda *_, **__: one)
    one_by_one = sample_prior(model)["samples"]
    assert sizes == [2] * STEPS + [1] * 2 * STEPS
    torch.testing.assert_close(one_by_one, batched, atol=1e-4, rtol=1e-4)


def test_long_clips_are_processed_in_chunks_that_fit_into_the_free_memory(model, monkeypatch):
    chunks = []
    model.model.diffusion_model.register_forward_pre_hook(
        lambda _, __, options: chunks.append(options.get("chunk")), with_kwargs=True
    )
    prior = sample_prior(model)
    whole = sample_video(model, prior)["samples"]
    enough_for_two = int(hg.activations(networks.UNET, 8, 4, 8, torch.float32, chunk=2) / USABLE) + 2
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda *_, **__: enough_for_two)
    in_chunks = sample_video(model, prior)["samples"]
    assert set(chunks[STEPS : 2 * STEPS]) == {8}
    assert set(chunks[2 * STEPS :]) == {2}
    torch.testing.assert_close(in_chunks, whole, atol=1e-3, rtol=1e-4)


def test_comfyui_reserves_the_memory_of_the_chunks_beside_the_weights(model, monkeypatch):
    needed = []
    load = comfy.model_management.load_models_gpu
    monkeypatch.setattr(
        comfy.model_management, "load_models_gpu", lambda *a, **options: (needed.append(options), load(*a, **options))
    )
    prior = sample_prior(model)
    sample_video(model, prior)
    in_chunks = [hg.activations(networks.UNET, 2 * 8, 4, 8, torch.float32, chunk) for chunk in (16, 4)]
    weights = comfy.model_management.module_size(model.model.diffusion_model)
    total = weights + int(in_chunks[1] / USABLE) + 2
    monkeypatch.setattr(comfy.model_management, "get_total_memory", lambda *_, **__: total)
    sample_video(model, prior)
    assert [options["memory_required"] for options in needed[1:]] == in_chunks
    sample_prior(model)  # one image has no chunks
    assert needed[-1]["memory_required"] == hg.activations(networks.UNET, 2, 4, 8, torch.float32)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"width": 72}, "width must be a positive multiple of 16 pixels for this model, got 72"),
        ({"height": 40}, "height must be a positive multiple of 16 pixels for this model, got 40"),
        ({"positive": conditioning(1, width=768)}, r"positive has text states of shape \(1, 77, 768\), expected .*32"),
        ({"negative": conditioning(2, tokens=0)}, r"negative has text states of shape \(1, 0, 32\)"),
    ],
)
def test_an_invalid_input_of_the_first_stage_is_named(model, changed, message):
    with pytest.raises(ValueError, match=message):
        sample_prior(model, **changed)


def test_a_video_is_rejected_as_a_prior(model):
    with pytest.raises(ValueError, match="prior must be one picture, got 8 latents"):
        sample_video(model, sample_video(model, sample_prior(model)))
