"""The noise schedule against the released numbers, and the laws that hold at every step."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from higen_core import schedule

from . import golden


def test_betas_and_alphas_are_the_released_ones():
    case = golden.cases("diffusion_cases")
    assert golden.max_error(schedule.betas(), case["betas"]) <= 1e-12
    assert golden.max_error(schedule.alphas_cumprod(), case["alphas_cumprod"]) <= 1e-12
    assert schedule.alphas_cumprod()[-1] == 0


@pytest.mark.parametrize("steps", [4, 20, 50])
def test_time_steps_are_the_released_ones(steps):
    assert schedule.timesteps(steps) == golden.cases("diffusion_cases")[f"timesteps_{steps}"].tolist()


@given(st.integers(1, 1000))
def test_time_steps_fall_from_high_noise_to_the_last_but_one(steps):
    times = schedule.timesteps(steps)
    assert len(times) == steps
    assert times == sorted(times, reverse=True)
    assert times[-1] == 1
    assert (times[0] == 999) == (steps >= 500)


def test_noising_and_velocity_loss_are_the_released_ones():
    case = golden.cases("diffusion_cases")
    x0, noise, t = case["q_x0"], case["q_noise"], case["q_t"]
    assert golden.max_error(schedule.add_noise(x0, noise, t), case["q_xt"]) <= 1e-6
    loss = (schedule.velocity(x0, noise, t) - case["v_pred"]).square().mean(dim=(1, 2, 3, 4))
    assert golden.max_error(loss, case["loss"]) <= 1e-5


@given(st.integers(0, 999), st.integers(0, 2**31))
def test_split_undoes_noising_at_every_step_also_where_alpha_is_zero(t, seed):
    x0, eps = torch.randn(2, 1, 4, 2, 3, generator=torch.Generator().manual_seed(seed))
    t = torch.tensor([t])
    found = schedule.split(schedule.add_noise(x0, eps, t), schedule.velocity(x0, eps, t), t)
    torch.testing.assert_close(found, (x0, eps), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("steps", [0, -3, 1001])
def test_impossible_step_counts_are_refused(steps):
    with pytest.raises(ValueError, match=f"between 1 and 1000, got {steps}"):
        schedule.timesteps(steps)
