"""CONDITIONING with cues: what of it reaches the denoiser, and what is refused by name."""

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.higen_core.cues.cues import NULL_APPEARANCE
from higen_pack.nodes import conditioning
from higen_pack.nodes.models.model import load_model

from nodes import ConditioningConcat, ConditioningZeroOut

from . import networks


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "unet.safetensors"
    networks.random_file(path, hg.UNet, networks.UNET, **networks.METADATA)
    return load_model(str(path), "fp32").model


def prompt(tokens=77, width=networks.TEXT_WIDTH, **options):
    return [[torch.randn(1, tokens, width, generator=torch.Generator().manual_seed(tokens)), options]]


def prior(height=4, width=8):
    return {"samples": torch.randn(1, 4, height, width, generator=torch.Generator().manual_seed(0))}


def conds(model, entry, noise=(6, 4, 4, 8)):
    states, options = entry
    arguments = options | {"cross_attn": states, "noise": torch.zeros(noise), "prompt_type": "positive"}
    return model.extra_conds(**arguments)


def window(*indices):
    class Window:
        index_list = list(indices)

    return Window()


def test_a_prompt_alone_has_its_text_states(model):
    ((states, options),) = prompt(154)
    assert conds(model, (states, options)).keys() == {"c_crossattn"}
    assert conds(model, (states, options))["c_crossattn"].cond.equal(states)


def test_cues_and_the_scaled_prior_stay_as_they_are(model):
    """ComfyUI would round integers that it casts to bf16."""
    cues = hg.Cues.constant(6, motion=257)
    (entry,) = conditioning.apply_cues(prompt(), cues, prior())
    value = conds(model, entry)["cues"].process_cond(batch_size=6, device="cpu", area=None).cond
    assert value.cues is cues
    torch.testing.assert_close(value.prior, prior()["samples"][0] * hg.LATENT_SCALE)


def test_prompts_that_stock_nodes_change_keep_their_cues():
    positive = conditioning.apply_cues(prompt(), hg.Cues.constant(6), prior())
    for changed in (ConditioningConcat().concat(positive, prompt())[0], ConditioningZeroOut().zero_out(positive)[0]):
        assert changed[0][1][conditioning.KEY] is positive[0][1][conditioning.KEY]


def conditions(values, like):
    return conditioning.FrameCues.stack([value.conditions(hg.ModelInfo(), None, False, like) for value in values])


def test_cues_of_a_batch_are_stacked(model):
    values = [conditioning.FrameCues(hg.Cues.constant(6, motion, 0.5), torch.ones(4, 4, 8)) for motion in (1, 2)]
    stacked = conditions(values, torch.zeros(1, dtype=torch.float64))
    assert stacked["motion"].tolist() == [[1] * 5, [2] * 5]
    assert stacked["prior"].shape == (2, 4, 4, 8)
    assert stacked["prior"].dtype == torch.float64
    torch.testing.assert_close(stacked["appearance"][0], values[0].cues.rows())


def test_the_null_appearance_and_the_strength_of_the_prior_reach_the_denoiser():
    (entry,) = conditioning.with_null_appearance(conditioning.apply_cues(prompt(), hg.Cues.constant(6), prior(), 0.25))
    stacked = conditions([entry[1][conditioning.KEY]], torch.zeros(1))
    assert stacked["appearance"].eq(NULL_APPEARANCE).all()
    torch.testing.assert_close(stacked["prior"], 0.25 * prior()["samples"])


def test_an_area_crops_the_prior():
    value = conditioning.CondCues(conditioning.FrameCues(hg.Cues.constant(6), prior()["samples"][0]))
    cropped = value.process_cond(batch_size=6, area=(2, 4, 1, 3)).cond.prior
    assert cropped.equal(prior()["samples"][0][:, 1:3, 3:7])
    assert not value.can_concat(value.process_cond(batch_size=6, area=(2, 4, 1, 3)))


@pytest.mark.parametrize("frames", [[1, 2, 3], [0, 1, 2, 3], [5]])
def test_a_context_window_has_the_cues_of_its_frames(frames):
    cues = hg.Cues(torch.arange(7) * 100, torch.rand(8, 8).fill_diagonal_(1))
    selected = conditioning.FrameCues(cues, prior()["samples"][0]).in_window(window(*frames)).cues
    assert selected.motion.tolist() == [100 * i for i in frames[:-1]]
    assert selected.appearance.equal(cues.appearance[frames][:, frames])


def test_a_window_of_one_frame_has_the_prior_alone():
    value = conditioning.FrameCues(hg.Cues.constant(6), prior()["samples"][0]).in_window(window(5))
    assert conditions([value], torch.zeros(1)).keys() == {"prior"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"width": 768}, r"positive has text states of shape \(1, 77, 768\), expected \(1, tokens, 32\).*HiGen Loader"),
        ({"tokens": 0}, r"positive has text states of shape \(1, 0, 32\)"),
        ({"control": object()}, r"positive: HiGen does not support ControlNet \(control\)"),
        ({"reference_latents": [torch.zeros(1)]}, r"does not support reference latents \(reference_latents\)"),
        ({"concat_latent_image": torch.zeros(1)}, r"\(concat_latent_image\); connect a conditioning without it"),
    ],
)
def test_what_the_denoiser_cannot_read_is_refused_by_name(model, changed, message):
    with pytest.raises(ValueError, match=message):
        conds(model, prompt(**changed)[0])


def test_broken_text_states_are_refused(model):
    ((states, options),) = prompt()
    with pytest.raises(ValueError, match="positive has NaN or infinite text states"):
        conds(model, (states * torch.nan, options))


@pytest.mark.parametrize("prompt_type", ["positive", "negative"])
def test_text_states_that_no_encoder_gives_are_refused(prompt_type):
    with pytest.raises(ValueError, match=rf"^{prompt_type} has text states of up to 1e\+38"):
        conditioning.check_text(prompt_type, torch.full((1, 77, 32), 1e38), 32)


@pytest.mark.parametrize("key", ["strength", "mask_strength", "mask"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_broken_weights_of_a_prompt_are_refused(model, key, value):
    broken = torch.full((1, 4, 8), value) if key == "mask" else value
    with pytest.raises(ValueError, match=f"^positive has a {key} with NaN or infinite values"):
        conds(model, prompt(**{key: broken})[0])


def test_prompts_of_different_lengths_are_not_stretched_to_one(model):
    """To the least common multiple of their lengths, that is: 300,300 tokens of each frame."""
    first, second, same = (conds(model, *prompt(tokens))["c_crossattn"] for tokens in (77, 154, 77))
    assert not first.can_concat(second)
    assert not conds(model, *prompt(1001))["c_crossattn"].can_concat(conds(model, *prompt(1000))["c_crossattn"])
    assert first.can_concat(same)
    assert first.process_cond(batch_size=6).can_concat(same.process_cond(batch_size=6))


@pytest.mark.parametrize("key", ["strength", "mask_strength"])
def test_a_strength_without_effect_is_refused(key):
    weak, full = {key: 0.3}, {key: 1.0}
    with pytest.raises(ValueError, match=f"^negative: {key} 0.3 of an area or a mask has no effect on a single prompt"):
        conditioning.cues_of({"positive": [full], "negative": [weak]})
    assert conditioning.cues_of({"positive": [weak, full], "negative": [{}]}) is None


def test_the_released_model_names_its_text_encoder():
    with pytest.raises(ValueError, match=r"expected \(1, tokens, 1024\).*OpenCLIP ViT-H-14"):
        conditioning.check_text("negative", torch.zeros(1, 77, 768), 1024)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ((5, 4, 4, 8), "the latent has 5 frames, but the cues are for 6: connect the latent of HiGen Apply Cues"),
        ((6, 4, 4, 4), "the latent is for 32x32 pixels, but the prior for 64x32"),
    ],
)
def test_a_latent_that_does_not_fit_the_cues_is_an_error(model, noise, message):
    (entry,) = conditioning.apply_cues(prompt(), hg.Cues.constant(6), prior())
    with pytest.raises(ValueError, match=message):
        conds(model, entry, noise)


def test_cues_on_one_prompt_only_are_an_error():
    cues = conditioning.apply_cues(prompt(), hg.Cues.constant(6), prior())[0][1]
    assert conditioning.cues_of({"positive": [cues], "negative": [cues]}) is cues[conditioning.KEY].cues
    assert conditioning.cues_of({"positive": [{}], "negative": [{}]}) is None
    with pytest.raises(ValueError, match="negative has no cues: connect positive and negative both"):
        conditioning.cues_of({"positive": [cues], "negative": [{}]})
