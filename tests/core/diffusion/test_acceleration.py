"""Sampling with fewer evaluations: what is evaluated and what is forecast; nothing changes where nothing is set."""

from dataclasses import replace

import pytest
import torch

from higen_core import PRESETS, Acceleration, Cues, FittedSchedule, ModelInfo, draw_noise, load_unet, sample_video
from higen_core.diffusion.acceleration.fitting import Plan, fit_schedule, record_teacher
from higen_core.diffusion.acceleration.forecast import AcceleratedRun, History
from higen_core.diffusion.acceleration.search import best_schedule, plans_of
from higen_core.diffusion.schedule import timesteps
from higen_core.models.schedules import FittedStep

from .. import golden

SHAPE = (1, 4, 6, 4, 6)
SCHEDULE = FittedSchedule(
    (
        FittedStep(901, 0.9, (0.1,), evaluated=("text", "appearance"), text=(1.0,), appearance=(1.0,)),
        FittedStep(501, 0.6, (0.5, -0.1), 0.05, text=(0.8,), appearance=(0.5,)),
        FittedStep(101, 0.1, (1.0, 0.1, -0.1), evaluated=("text",), text=(0.7, 0.1), appearance=(0.2,)),
    ),
    3.0,
    2.0,
)


@pytest.fixture(scope="module")
def unet():
    network = load_unet(golden.path("unet_small_weights"))
    network.info = replace(network.info, appearance_guidance=2.0)
    return network


@pytest.fixture(scope="module")
def inputs():
    case = golden.cases("diffusion_cases", "sample.")
    mask = torch.zeros(6, 4, 6)
    mask[:, :, :3] = 1
    return {
        "text": case["text"],
        "uncond": case["text_uncond"],
        "prior": draw_noise(1, (1, 4, 4, 6)),
        "cues": Cues.constant(6, 300, 0.5).masked(mask),
        "noise": draw_noise(2, SHAPE),
        "guidance": 3.0,
    }


class Counter:
    """Counts the branches that a network evaluates."""

    def __init__(self, unet):
        self.count = 0
        self.handle = unet.register_forward_pre_hook(lambda _, args: setattr(self, "count", self.count + len(args[0])))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.handle.remove()


def evaluations(unet, inputs, **options) -> int:
    with Counter(unet) as counter:
        sample_video(unet, **inputs, **options)
    return counter.count


@pytest.mark.parametrize("options", [{}, {"context_length": 4}, {"loop": True}, {"batch_guidance": False}])
def test_what_leaves_nothing_out_is_the_exact_result_to_the_bit(unet, inputs, options):
    options = options | {"steps": 3, "sampler": "ddim"}
    exact = sample_video(unet, **inputs, **options)
    for acceleration in (Acceleration(), Acceleration.preset("exact", unet.info)):
        assert torch.equal(sample_video(unet, **inputs, **options, acceleration=acceleration), exact)


@pytest.mark.parametrize("options", [{}, {"context_length": 4}, {"loop": True}, {"prior_track": True}])
def test_a_run_that_forecasts_nothing_is_the_exact_one(unet, inputs, options):
    """Windows, masks and kept frames are applied to each branch by itself, which gives the same sum."""
    options = options | {"steps": 3, "sampler": "ddim"}
    if options.pop("prior_track", False):
        inputs = inputs | {"prior": draw_noise(1, (1, 6, 4, 4, 6))}
        options |= {"keep": [0, 5]}
    exact = sample_video(unet, **inputs, **options)
    gated = Acceleration(evaluate_every=3, gate=1e-9)
    torch.testing.assert_close(sample_video(unet, **inputs, **options, acceleration=gated), exact, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("acceleration", "expected"),
    [
        (Acceleration(guidance_every=2), 6 + 2 * 3),
        (Acceleration(guidance_every=100), 6 + 2),
        (Acceleration(guidance_end=0.5), 6 + 2 * 3),
        (Acceleration(guidance_start=0.5), 6 + 2 * 3),
        (Acceleration(agreement=1.0), 6 + 2),
        (Acceleration(evaluate_every=2), 3 * 4),
        (Acceleration(evaluate_every=2, guidance_every=2), 4 + 2 * 3),
        (Acceleration(evaluate_every=2, gate=1e-9), 3 * 6),
    ],
)
def test_what_is_forecast_is_not_evaluated(unet, inputs, acceleration, expected):
    assert evaluations(unet, inputs, steps=6, sampler="ddim", acceleration=acceleration) == expected


def test_without_guidance_its_end_is_the_conditional_prediction(unet, inputs):
    options = {"steps": 4, "sampler": "ddim"}
    plain = sample_video(unet, **inputs | {"guidance": 1.0}, appearance_guidance=1.0, **options)
    late = Acceleration(guidance_start=0.99)
    torch.testing.assert_close(sample_video(unet, **inputs, **options, acceleration=late), plain, atol=1e-4, rtol=1e-4)


def test_forecasts_are_polynomials_through_the_latest_values():
    history = History(3)
    for level in (-2.0, -1.0, 0.5):
        history.add(level, torch.tensor([level**2, 3.0]))
    torch.testing.assert_close(history.polynomial(2.0, 2), torch.tensor([4.0, 3.0]))
    torch.testing.assert_close(history.polynomial(2.0, 0), torch.tensor([0.25, 3.0]))
    history.add(0.5, torch.tensor([7.0, 7.0]))
    assert history.levels == [0.5, -1.0, -2.0]
    assert history.polynomial(1.0, 0).tolist() == [7.0, 7.0]


def test_forecast_guidance_terms_are_added_to_what_is_evaluated():
    run = AcceleratedRun(Acceleration(guidance_every=2), 4)
    values = {"cond": torch.tensor([5.0]), "text": torch.tensor([3.0])}
    run.step(0, -1.0, ["text"], lambda names: {name: values[name] for name in names})
    found = run.step(1, 0.0, ["text"], lambda names: {name: torch.tensor([6.0]) for name in names})
    assert {name: value.item() for name, value in found.items()} == {"cond": 6.0, "text": 4.0}
    assert (run.asked, run.evaluated) == (4, 3)


def test_a_schedule_sets_steps_sampler_and_branches(unet, inputs):
    acceleration = Acceleration(SCHEDULE, guidance_every=2)
    assert evaluations(unet, inputs, acceleration=acceleration) == SCHEDULE.evaluations == 6
    assert evaluations(unet, inputs, steps=4, acceleration=acceleration) == 4 + 2 * 2
    windows = sample_video(unet, **inputs, acceleration=acceleration, context_length=4)
    assert windows.shape == SHAPE


@pytest.mark.medium
def test_a_schedule_follows_the_sampler_it_was_fitted_to(unet, inputs):
    """On the video it was fitted to, far better than as many steps of that sampler."""
    velocities = branches(unet, inputs)
    teacher = record_teacher(velocities, inputs["noise"], timesteps(20), {"text": 3.0, "appearance": 2.0})
    schedule = best_schedule(velocities, teacher, 15)
    assert schedule.evaluations == 15
    cues = {"cues": Cues.constant(6, 300, 0.5)}
    exact = sample_video(unet, **inputs | cues, sampler="ddim", steps=20, calibrated=False)
    torch.testing.assert_close(exact, teacher.states[-1], atol=1e-3, rtol=1e-3)
    fitted = sample_video(unet, **inputs | cues, acceleration=Acceleration(schedule), calibrated=False)
    fewer = sample_video(unet, **inputs | cues, sampler="ddim", steps=5, calibrated=False)
    error, error_of_fewer = ((video - exact).square().mean() for video in (fitted, fewer))
    assert error < 0.5 * error_of_fewer


def test_the_best_schedule_is_the_one_whose_video_is_nearest_to_the_teachers(unet, inputs):
    velocities = branches(unet, inputs)
    teacher = record_teacher(velocities, inputs["noise"], timesteps(20), {"text": 3.0, "appearance": 2.0})
    plans = plans_of(teacher, 9)
    assert len(set(plans)) == len(plans) > 1
    assert {plan.evaluations for plan in plans} == {9}
    fits = [fit_schedule(velocities, teacher, plan) for plan in plans]
    errors = [(fit.videos - teacher.states[-1]).square().mean().item() for fit in fits]
    assert best_schedule(velocities, teacher, 9) == fits[errors.index(min(errors))].schedule
    cues = {"cues": Cues.constant(6, 300, 0.5)}
    options = {"acceleration": Acceleration(fits[0].schedule), "calibrated": False}
    torch.testing.assert_close(sample_video(unet, **inputs | cues, **options), fits[0].videos, atol=1e-2, rtol=1e-2)


def branches(unet, inputs):
    cues = Cues.constant(6, 300, 0.5)
    conditions = {name: value[None] for name, value in cues.conditions(4, 6).items()}
    cond = {"text": inputs["text"], "prior": inputs["prior"], **conditions}
    null = {name: value[None] for name, value in cues.conditions(4, 6, null_appearance=True).items()}
    conds = [cond, cond | {"text": inputs["uncond"]}, cond | null]

    def velocities(x, t, wanted):
        return [unet(x, torch.tensor([t]), **conds[number]) for number in wanted]

    return velocities


def test_a_plan_of_all_time_steps_and_branches_is_the_teacher(unet, inputs):
    velocities = branches(unet, inputs)
    teacher = record_teacher(velocities, inputs["noise"], timesteps(4), {"text": 3.0, "appearance": 2.0})
    plan = Plan(tuple(timesteps(4)), (("text", "appearance"),) * 4)
    schedule = fit_schedule(velocities, teacher, plan).schedule
    cues = {"cues": Cues.constant(6, 300, 0.5)}
    fitted = sample_video(unet, **inputs | cues, acceleration=Acceleration(schedule), calibrated=False)
    torch.testing.assert_close(fitted, teacher.states[-1], atol=2e-2, rtol=2e-2)


def test_presets_of_weights_without_schedules_take_fewer_steps(unet, inputs):
    counts = [evaluations(unet, inputs, acceleration=Acceleration.preset(name, unet.info)) for name in PRESETS]
    assert counts == [3 * 50, 16 + 2 * 8, 8 + 2 * 4]


def test_schedules_survive_metadata():
    info = ModelInfo(schedules={"fast": SCHEDULE})
    assert ModelInfo.from_metadata(info.to_metadata()) == info
    assert Acceleration.preset("fast", info).schedule == SCHEDULE
    assert Acceleration.preset("exact", info).exact


def test_mini_states_schedules_of_its_presets():
    schedules = load_unet("mini").info.schedules
    assert schedules["fast"].evaluations == 10
    assert schedules["fast"].evaluations < schedules["balanced"].evaluations < 36


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"guidance_every": 0}, "guidance_every must be a whole number from 1 to 1000, got 0"),
        ({"order": 4}, "order must be a whole number from 0 to 3, got 4"),
        ({"gate": float("nan")}, "gate must be a number from 0.0 to inf, got nan"),
        ({"guidance_start": 0.5, "guidance_end": 0.5}, "guidance_start must be below guidance_end"),
        ({"steps": 0}, "steps must be a whole number from 1 to 1000, got 0"),
    ],
)
def test_values_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Acceleration(**change)


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="preset must be one of exact, balanced, fast, got 'turbo'"):
        Acceleration.preset("turbo", ModelInfo())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": []}, "steps of a fitted schedule must be 1 to 1000, got 0"),
        ({"steps": [{"t": 5, "x": 1.0, "estimates": [1.0, 1.0]}]}, "2 weights of estimates, but 1 were evaluated"),
        ({"steps": [{"t": 5, "x": 1.0, "estimates": [1.0], "text": [1.0]}]}, "1 weights of text, but 0 were evaluated"),
        ({"steps": [{"t": 1000, "x": 1.0, "estimates": [1.0]}]}, "t of a fitted step must be 0 to 999, got 1000"),
        ({"steps": [{"t": 5, "x": float("nan"), "estimates": [1.0]}]}, "must be finite numbers"),
        ({"steps": [{"t": 5, "x": 1.0, "estimates": [1.0], "evaluated": ["motion"]}]}, "must be of text, appearance"),
        ({"speed": 2}, "unknown key 'speed'"),
        ({"steps": [{"t": 5}]}, "missing"),
    ],
)
def test_schedules_that_are_none_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ModelInfo.from_metadata({"schedules": {"fast": SCHEDULE.to_dict() | change}})


@pytest.mark.parametrize("visited", [[0, 1, 1, 2, 2, 3, 3], [0, 1, 2, 3, 0, 1, 2, 3]], ids=["heun", "restart"])
def test_a_step_that_a_sampler_comes_back_to_is_evaluated(visited):
    """Its x is another one, so that the first estimate says nothing of it."""
    run, evaluated = AcceleratedRun(Acceleration(guidance_every=2, guidance_order=2), 4), []

    def evaluate(names):
        evaluated.append(names)
        return {name: torch.full((1,), float(len(evaluated))) for name in names}

    for count, step in enumerate(visited, start=1):
        estimates = run.step(step, float(step), ["text"], evaluate)
        assert len(evaluated) == count
        assert estimates["cond"] == count
        assert estimates["text"].isfinite()
    assert "text" in evaluated[4]  # the second visit of step 2, or of step 0
