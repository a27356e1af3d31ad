"""ComfyUI's own nodes on the MODEL of HiGen Loader: samplers, schedulers, masks, context windows, caches."""

import pytest
import torch

from .graphs import CFG, SEED, STEPS, VideoGraph, difference, fill_in_defaults, sampled, similarity

SAMPLERS = ["euler", "dpmpp_2m", "uni_pc", "lcm"]
SCHEDULERS = ["ddim_uniform", "simple", "sgm_uniform", "beta"]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_sampler_and_scheduler_makes_the_same_video(server, graph, plain, scheduler):
    """But for what each does differently; lcm draws new noise in every step."""
    links = [graph.ksampler(sampler_name=name, scheduler=scheduler, steps=5) for name in SAMPLERS]
    for name, samples in zip(SAMPLERS, sampled(server, graph, *links), strict=True):
        assert samples.shape == plain.shape
        assert similarity(samples, plain) > 0.8, name


def test_the_three_ways_to_sample_give_one_video(server, graph, plain):
    sigmas = graph.add("BasicScheduler", model=graph.model, scheduler="ddim_uniform", steps=STEPS, denoise=1.0)
    euler = graph.add("KSamplerSelect", sampler_name="euler")
    guider = graph.add(
        "HiGenGuider",
        model=graph.model,
        positive=graph.positive,
        negative=graph.negative,
        cfg=CFG,
        appearance_cfg=1.0,
    )
    noise = graph.add("HiGenVideoNoise", model=graph.model, cues=graph.cues, noise_seed=SEED)
    links = {"noise": noise, "guider": guider, "sampler": euler, "sigmas": sigmas, "latent_image": graph.latent}
    custom = graph.add("SamplerCustomAdvanced", **links)
    options = {"noise_seed": SEED, "steps": STEPS, "cfg": CFG, "sampler_name": "euler", "scheduler": "ddim_uniform"}
    links = {"model": graph.model, "positive": graph.positive, "negative": graph.negative}
    halves = {"latent_image": graph.latent, "add_noise": "enable", "start_at_step": 0, "end_at_step": 2}
    first = graph.add("KSamplerAdvanced", **options, **links, **halves, return_with_leftover_noise="enable")
    halves = {"latent_image": first, "add_noise": "disable", "start_at_step": 2, "end_at_step": 100}
    second = graph.add("KSamplerAdvanced", **options, **links, **halves, return_with_leftover_noise="disable")
    trailing = graph.ksampler(scheduler="sgm_uniform")  # the time steps that mini's easy sampler visits
    custom, second, trailing, easy = sampled(server, graph, custom, second, trailing, graph.easy())
    torch.testing.assert_close(custom, plain, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(second, plain, atol=1e-3, rtol=1e-3)
    assert difference(easy, trailing) < 0.02
    assert difference(easy, plain) > 0.04


def test_without_cues_ksampler_makes_a_prior_that_the_video_follows(server, graph):
    empty = graph.add("EmptyLatentImage", width=64, height=64, batch_size=1)
    prior = graph.ksampler(positive=graph.prompts[0], negative=graph.prompts[1], latent_image=empty, cfg=3.0, seed=1)
    graph.prior = prior
    graph.apply_cues(*graph.prompts)
    prior, video = sampled(server, graph, prior, graph.ksampler())
    assert prior.shape == (1, 4, 8, 8)
    assert similarity(video[0], prior[0]) > 0.8


@pytest.mark.parametrize(
    ("node", "inputs", "least", "most"),
    [
        ("RescaleCFG", {"multiplier": 0.7}, 0.01, 1),
        ("FreeU", {"b1": 1.1, "b2": 1.2, "s1": 0.9, "s2": 0.2}, 0.01, 1),
        ("FreeU", {"b1": 1.0, "b2": 1.0, "s1": 1.0, "s2": 1.0}, 0, 1e-3),
        ("EasyCache", {"reuse_threshold": 0.5, "start_percent": 0.1, "end_percent": 0.95, "verbose": False}, 1e-3, 1),
        ("ModelSamplingDiscrete", {"sampling": "v_prediction", "zsnr": True}, 0, 5e-3),
        ("ModelSamplingDiscrete", {"sampling": "v_prediction", "zsnr": False}, 0.01, 1),
    ],
)
def test_nodes_that_change_a_model_take_effect_in_both_samplers(server, graph, plain, node, inputs, least, most):
    graph_model = graph.model
    graph.model = graph.add(node, model=graph_model, **inputs)
    stock, easy = sampled(server, graph, graph.ksampler(), graph.easy())
    assert similarity(stock, plain) > 0.8
    assert similarity(easy, plain) > 0.8
    assert difference(easy, stock) < 0.1
    assert least <= difference(stock, plain) <= most


@pytest.mark.slow
def test_accelerated_videos_are_like_those_of_fifty_steps(server, graph):
    """In the easy sampler with mini's schedule, and in ComfyUI's sampler with a guidance that is forecast."""
    exact = graph.easy(steps=50, appearance_cfg=0.0), graph.ksampler(steps=10)
    graph.model = graph.add("HiGenAccelerate", model=graph.model, preset="fast")
    fast = graph.easy(steps=0, sampler="model default", appearance_cfg=0.0), graph.ksampler(steps=10)
    exact_easy, exact_stock, fast_easy, fast_stock = sampled(server, graph, *exact, *fast)
    assert similarity(fast_easy, exact_easy) > 0.95
    assert similarity(fast_stock, exact_stock) > 0.98
    assert difference(fast_stock, exact_stock) > 1e-4


def test_accelerate_refuses_caches_of_comfyui(server, graph):
    options = {"reuse_threshold": 0.5, "start_percent": 0.1, "end_percent": 0.95, "verbose": False}
    graph.model = graph.add("EasyCache", model=graph.model, **options)
    graph.model = graph.add("HiGenAccelerate", model=graph.model, preset="fast")
    graph.add("SaveLatent", samples=graph.easy(), filename_prefix="tests/latent")
    run = server.run(graph.prompt, seconds=600)
    assert run.ending == "error"
    assert "model has EasyCache, which cannot be combined with HiGen Accelerate" in run.error


@pytest.mark.slow
def test_a_compiled_model_gives_the_same_video(server, graph, plain):
    graph.model = graph.add("TorchCompileModel", model=graph.model, backend="inductor")
    (compiled,) = sampled(server, graph, graph.ksampler())
    assert difference(compiled, plain) < 1e-3


def test_a_noise_mask_keeps_the_rest_of_a_video(server, graph, plain):
    video = graph.ksampler()
    mask = graph.add("SolidMask", value=0.0, width=64, height=64)
    right = graph.add("SolidMask", value=1.0, width=32, height=64)
    mask = graph.add("MaskComposite", destination=mask, source=right, x=32, y=0, operation="add")
    masked = graph.add("SetLatentNoiseMask", samples=video, mask=mask)
    (repainted,) = sampled(server, graph, graph.ksampler(latent_image=masked, seed=9))
    torch.testing.assert_close(repainted[..., :4], plain[..., :4], atol=1e-3, rtol=1e-3)
    assert difference(repainted[..., 4:], plain[..., 4:]) > 0.01


def test_a_lower_denoise_stays_closer_to_the_video_it_starts_from(server, graph, plain):
    """It starts from a mirrored video, which the prior contradicts."""
    mirrored = graph.add("LatentFlip", samples=graph.ksampler(), flip_method="y-axis: horizontally")
    half, whole = (graph.ksampler(latent_image=mirrored, denoise=denoise, seed=9) for denoise in (0.5, 1.0))
    half, whole = sampled(server, graph, half, whole)
    start = plain.flip(-1)
    assert 0 < difference(half, start) < 0.8 * difference(whole, start)


def test_longer_videos_are_sampled_in_windows(server):
    """The easy sampler makes its own, KSampler has those of Context Windows."""
    graph = VideoGraph(frames=24)
    easy = graph.easy()
    options = {"context_length": 16, "context_overlap": 8, "context_schedule": "standard_static", "context_stride": 1}
    options |= {"closed_loop": False, "fuse_method": "pyramid", "dim": 0}
    graph.model = graph.add("ContextWindowsManual", model=graph.model, **options)
    fill_in_defaults(server, graph, graph.model)
    stock, easy, easy_in_manual, prior = sampled(server, graph, graph.ksampler(), easy, graph.easy(), graph.prior)
    assert stock.shape == easy.shape == (24, 4, 8, 8)
    torch.testing.assert_close(easy_in_manual, easy, atol=1e-3, rtol=1e-3)
    assert difference(easy, stock) < 0.1
    changes = stock.diff(dim=0).abs().mean(dim=(1, 2, 3))
    assert changes.max() < 3 * changes.median()
    assert similarity(stock[-1], prior[0]) > 0.7


def test_a_window_as_long_as_the_clip_changes_nothing(server, graph, plain):
    options = {"context_length": 8, "context_overlap": 4, "context_schedule": "standard_static", "context_stride": 1}
    options |= {"closed_loop": False, "fuse_method": "pyramid", "dim": 0}
    graph.model = graph.add("ContextWindowsManual", model=graph.model, **options)
    fill_in_defaults(server, graph, graph.model)
    assert sampled(server, graph, graph.ksampler())[0].equal(plain)


def test_a_clip_longer_than_the_model_knows_is_an_error_without_windows(server):
    graph = VideoGraph(frames=24)
    graph.add("SaveLatent", samples=graph.ksampler(), filename_prefix="tests/latent")
    run = server.run(graph.prompt)
    assert run.ending == "error"
    assert "cues are for 24 frames, this model was trained on 16" in run.error
