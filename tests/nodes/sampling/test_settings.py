"""What is left to the model: the nodes take it from the weights, and say what they took."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from higen_pack import higen_core as hg
from higen_pack.nodes.cue_schedule import HiGenCueSchedule
from higen_pack.nodes.models.model import load_model
from higen_pack.nodes.samplers import HiGenSpatialPriorSampler, HiGenTemporalSampler
from higen_pack.nodes.sampling.settings import MODEL_CHOICE, of_model, resolve_cues, stands_for_model
from higen_pack.nodes.stock_sampling import HiGenApplyCues, HiGenGuider, HiGenVideoNoise

from .. import networks

SAMPLING = {"steps": 2, "sampler": "dpmpp_2m", "prior_guidance": 3.0, "video_guidance": 5.0}
CUES = {"motion": 300, "appearance": 0.25}
OF_MODEL = {"steps": 0, "cfg": -1.0, "sampler": MODEL_CHOICE}
PRIOR = {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "unet.safetensors"
    options = networks.METADATA | {"frames": 4, "fps": 6, "sampling": SAMPLING | CUES}
    return load_model(str(networks.random_file(path, hg.UNet, networks.UNET, **options)), "fp32")


def prompts():
    return [[[torch.randn(1, 77, networks.TEXT_WIDTH, generator=torch.Generator().manual_seed(s)), {}]] for s in (1, 2)]


def schedule(frames=0, motion=-1, appearance=-1.0, **inputs):
    node = type("Node", (HiGenCueSchedule,), {"hidden": SimpleNamespace(unique_id="1")})
    return node.make_cues(frames, motion, appearance, **inputs)


def video(model, cues=None, seed=1, **sampling):
    return HiGenTemporalSampler.execute(
        model,
        *prompts(),
        PRIOR,
        seed=seed,
        cues=cues,
        **({"steps": 0, "cfg": -1.0, "sampler": MODEL_CHOICE} | sampling),
    )


def same(cues, others):
    return torch.equal(cues.motion, others.motion) and torch.equal(cues.appearance, others.appearance)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(("steps", 0, True), ("steps", 12, False), ("fps", 0.0, True), ("frames", 0, True), ("width", 0, True)),
        *(("cfg", -1.0, True), ("cfg", -0.95, True), ("cfg", 0.0, False), ("motion", 0, False), ("motion", -1, True)),
        *(("appearance", 0.0, False), ("appearance", -1.0, True), ("sampler", "ddim", False)),
        ("sampler", MODEL_CHOICE, True),
    ],
)
def test_a_value_stands_for_that_of_the_model(name, value, expected):
    assert stands_for_model(name, value) == expected


def test_set_values_are_kept_and_not_shown():
    values, shown = of_model({"steps": 7, "cfg": -1.0}, {"steps": 50, "cfg": 12.0})
    assert values == {"steps": 7, "cfg": 12.0}
    assert shown == {"higen_defaults": [{"cfg": 12.0}]}


def test_the_first_stage_is_sampled_as_suits_the_weights(model):
    answer = HiGenSpatialPriorSampler.execute(model, *prompts(), 0, 0, 1, **OF_MODEL)
    expected = HiGenSpatialPriorSampler.execute(model, *prompts(), 64, 64, 1, 2, 3.0, "dpmpp_2m")
    assert answer[0]["samples"].equal(expected[0]["samples"])
    shown = {"width": 64, "height": 64, "steps": 2, "cfg": 3.0, "sampler": "dpmpp_2m"}
    assert answer.ui["higen_defaults"] == [shown]


def test_the_second_stage_is_sampled_as_suits_the_weights(model):
    cues = hg.Cues.constant(4, 100, 0.5)
    answer = video(model, cues)
    expected = video(model, cues, steps=2, cfg=5.0, sampler="dpmpp_2m")
    assert answer[0]["samples"].equal(expected[0]["samples"])
    assert answer.ui == {"higen_defaults": [{"steps": 2, "cfg": 5.0, "sampler": "dpmpp_2m"}], "higen_notes": []}
    assert expected.ui == {"higen_defaults": [{}], "higen_notes": []}


def test_without_cues_those_of_the_model_are_used_and_named(model):
    answer = video(model)
    assert answer[0]["samples"].equal(video(model, hg.Cues.constant(4, 300, 0.25))[0]["samples"])
    (note,) = answer.ui["higen_notes"]
    assert note["text"].startswith("No cues are connected")
    assert note["values"] == {"frames": 4, "motion": 300, "appearance": 0.25}


def test_apply_cues_and_the_noise_need_no_cues_either(model):
    applied = HiGenApplyCues.execute(*prompts(), PRIOR, model=model)
    assert applied[2]["samples"].shape == (4, 4, 8, 8)
    assert applied.ui["higen_notes"] == HiGenVideoNoise.execute(model, 1).ui["higen_notes"]
    with pytest.raises(ValueError, match="cues: as the model says, but no model is connected"):
        HiGenApplyCues.execute(*prompts(), PRIOR)


def test_the_guider_takes_the_scale_of_its_stage(model):
    positive, negative, _ = HiGenApplyCues.execute(*prompts(), PRIOR, model=model).args
    assert HiGenGuider.execute(model, *prompts(), -1.0)[0].text.scale == 3.0
    assert HiGenGuider.execute(model, positive, negative, -1.0)[0].text.scale == 5.0
    assert HiGenGuider.execute(model, positive, negative, 0.0)[0].text.scale == 0.0


def test_a_schedule_with_a_model_has_its_cues(model):
    cues, plot, motion, appearance = (answer := schedule(model=model)).args
    assert same(cues, hg.Cues.constant(4, 300, 0.25))
    assert plot.ndim == 4
    assert (motion.interp(0.5), appearance.interp(0.5)) == (0.3, 0.25)
    assert answer.ui["higen_defaults"] == [CUES | {"frames": 4, "fps": 6}]
    assert schedule(8, 10, 1.0, fps=8.0, model=model).ui["higen_defaults"] == [{}]


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"frames": 3},
        {"motion": 700},
        {"appearance": 0.0},
        {"motion_curve": '{"points": [[0, 0], [1, 1]], "interpolation": "linear"}'},
    ],
)
def test_a_schedule_without_a_model_leaves_it_to_the_sampler(model, inputs):
    request, plot, *_ = schedule(**inputs).args
    expected = schedule(**inputs, model=model)[0]
    assert same(resolve_cues(request, model.model.info), expected)
    assert "no model is connected" in plot.message
    blended = schedule(4, 0, 0.0, motion_from=request, motion_strength=0.5)[0]
    assert same(
        resolve_cues(blended, model.model.info), schedule(4, 0, 0.0, motion_from=expected, motion_strength=0.5)[0]
    )
    with pytest.raises(ValueError, match="as the model says, but no model is connected"):
        HiGenApplyCues.execute(*prompts(), PRIOR, cues=request)


def test_a_schedule_that_sets_everything_needs_no_model():
    assert same(schedule(5, 0, 0.0)[0], hg.Cues.constant(5, 0, 0.0))


@pytest.mark.parametrize("node", [HiGenTemporalSampler, HiGenApplyCues])
def test_cues_are_checked_before_the_prior_is_sampled(model, node):
    (prior,) = [entry for entry in node.define_schema().inputs if entry.id == "prior"]
    assert prior.lazy
    good = hg.Cues.constant(4)
    assert node.check_lazy_status(model=model, cues=good, prior=None, positive=None) == ["prior"]
    assert node.check_lazy_status(model=model, cues=good, prior=PRIOR, positive=None) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("model", None, "model must be a model"), ("cues", 5, "cues must be cues"), ("match", "8", "match must be ")],
)
def test_inputs_from_links_are_checked_before_the_prior_is_sampled(model, name, value, message):
    with pytest.raises(ValueError, match=message):
        HiGenTemporalSampler.check_lazy_status(**{"model": model, "cues": None, "prior": None, name: value})


def test_windows_are_checked_before_the_prior_is_sampled(model):
    long = hg.Cues.constant(5)
    with pytest.raises(ValueError, match="cues are for 5 frames, this model was trained on 4: lower frames"):
        HiGenApplyCues.check_lazy_status(model=model, cues=long, prior=None)
    assert HiGenTemporalSampler.check_lazy_status(model=model, cues=long, prior=None) == ["prior"]
    with pytest.raises(ValueError, match="context_length is 5, but this model was trained on 4 frames: lower it"):
        HiGenTemporalSampler.check_lazy_status(model=model, cues=long, prior=None, context_length=5)


def test_a_schedule_may_be_longer_than_the_training_clips(model):
    assert schedule(5, model=model)[0].frames == 5


@pytest.mark.parametrize(
    ("frames", "valid"), [(0, True), (1, False), (2, True), (-1, False), (1025, False), (None, True)]
)
def test_a_number_of_frames_that_no_model_can_do_is_refused_before_anything_runs(frames, valid):
    answer = HiGenCueSchedule.validate_inputs(frames=frames)
    assert answer is True if valid else answer.startswith("frames must be 0, as the model says, or 2 to 1024")


def test_mini_is_sampled_as_its_evaluation_was():
    info = replace(hg.load_unet("mini").info)
    assert same(resolve_cues(schedule()[0], info), hg.Cues.constant(16, 500, 0.0))
