"""The noise schedule: equal to the released numbers, and consistent at every time step."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from higen_core.diffusion import schedule

from .. import golden


def test_betas_and_alphas_are_the_released_ones():
    case = golden.cases("diffusion_cases")
    assert golden.max_error(schedule.betas(), case["betas"]) <= 1e-12
    assert golden.max_error(schedule.alphas_cumprod(), case["alphas_cumprod"]) <= 1e-12
    assert schedule.alphas_cumprod()[-1] == 0


@pytest.mark.parametrize("steps", [4, 20, 50])
def test_leading_time_steps_are_the_released_ones_and_the_default(steps):
    expected = golden.cases("diffusion_cases")[f"timesteps_{steps}"].tolist()
    assert schedule.timesteps(steps, "leading") == schedule.timesteps(steps) == expected


@given(st.integers(1, 1000), st.sampled_from(schedule.SPACINGS))
def test_every_time_step_is_visited_once_in_falling_order(steps, spacing):
    times = schedule.timesteps(steps, spacing)
    assert len(times) == steps
    assert times == sorted(set(times), reverse=True)
    assert 0 <= times[-1] <= times[0] <= 999


@pytest.mark.parametrize("spacing", schedule.SPACINGS)
def test_a_thousand_steps_visit_all_time_steps(spacing):
    assert schedule.timesteps(1000, spacing) == list(range(999, -1, -1))


@given(st.integers(1, 999))
def test_leading_ends_at_1_and_starts_at_999_from_500_steps_on(steps):
    times = schedule.timesteps(steps, "leading")
    assert times[-1] == 1
    assert (times[0] == 999) == (steps >= 500)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, [999]),
        (3, [999, 666, 332]),
        (4, [999, 749, 499, 249]),
        (10, [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]),  # the example of Lin et al. 2024, table 2, minus 1
    ],
)
def test_trailing_time_steps_are_those_of_lin_et_al(steps, expected):
    assert schedule.timesteps(steps, "trailing") == expected


@given(st.integers(1, 1000))
def test_trailing_time_steps_are_even_to_half_a_step(steps):
    """Lin et al. count from 1: t = round(flip(arange(T, 0, -T / S)))."""
    times = schedule.timesteps(steps, "trailing")
    assert times[0] == 999
    assert all(abs(t + 1 - (1000 - i * 1000 / steps)) <= 0.5 + 1e-9 for i, t in enumerate(times))


@pytest.mark.parametrize("steps", [0, -3, 1001])
def test_invalid_step_counts_are_refused(steps):
    with pytest.raises(ValueError, match=f"between 1 and 1000, got {steps}"):
        schedule.timesteps(steps)


def test_an_unknown_spacing_is_refused():
    with pytest.raises(ValueError, match="spacing must be one of leading, trailing, got 'linspace'"):
        schedule.timesteps(4, "linspace")


def test_explicit_time_steps_may_be_any_integers():
    assert schedule.check_timesteps((999, 20, 0)) == [999, 20, 0]
    times = schedule.check_timesteps(torch.tensor([999, 20, 0]))
    assert times == [999, 20, 0]
    assert all(type(t) is int for t in times)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([], "must not be empty"),
        ([1, 2], r"strictly falling and lie in 0..999, got \[1, 2\]"),
        ([5, 5], "strictly falling"),
        ([1000, 5], "lie in 0..999"),
        ([5, -1], "lie in 0..999"),
        ([20.5, 3], r"must be integers, got \[20.5, 3\]"),
        (4, "must be integers, got 4"),
    ],
)
def test_invalid_time_steps_are_refused(times, message):
    with pytest.raises(ValueError, match=message):
        schedule.check_timesteps(times)


def test_noising_and_velocity_loss_are_the_released_ones():
    case = golden.cases("diffusion_cases")
    x0, noise, t = case["q_x0"], case["q_noise"], case["q_t"]
    assert golden.max_error(schedule.add_noise(x0, noise, t), case["q_xt"]) <= 1e-6
    loss = (schedule.velocity(x0, noise, t) - case["v_pred"]).square().mean(dim=(1, 2, 3, 4))
    assert golden.max_error(loss, case["loss"]) <= 1e-5


@given(st.integers(0, 999), st.integers(0, 2**31))
def test_x0_and_eps_are_recovered_at_every_step_including_alpha_zero(t, seed):
    x0, eps = torch.randn(2, 1, 4, 2, 3, generator=torch.Generator().manual_seed(seed))
    t = torch.tensor([t])
    recovered = schedule.x0_and_eps(schedule.add_noise(x0, eps, t), schedule.velocity(x0, eps, t), t)
    torch.testing.assert_close(recovered, (x0, eps), atol=1e-5, rtol=1e-5)
