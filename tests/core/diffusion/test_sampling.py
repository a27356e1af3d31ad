"""Samplers on velocities whose exact solution is known."""

import pytest
import torch

from higen_core import draw_noise
from higen_core.diffusion.sampling import SAMPLERS, dpmpp_2m, velocity_from_denoiser
from higen_core.diffusion.schedule import SPACINGS, add_noise, alpha_sigma, timesteps, velocity

from .. import golden


def towards(x0):
    """The exact velocity of data that is the single point x0."""

    def exact(x, t):
        t = torch.tensor([t])
        signal = add_noise(x0, torch.zeros_like(x0), t)
        sigma = add_noise(torch.zeros_like(x0), torch.ones_like(x0), t)
        return velocity(x0, (x - signal) / sigma, t)

    return exact


@pytest.fixture
def x0():
    return torch.linspace(-2, 2, 24).view(1, 4, 1, 2, 3)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [7, 50, 600, 1000])
def test_an_exact_velocity_leads_to_the_data(x0, sampler, spacing, steps):
    *_, last = SAMPLERS[sampler](towards(x0), draw_noise(1, x0.shape), timesteps(steps, spacing))
    assert golden.max_error(last.x0, x0) <= 1e-3
    assert golden.max_error(last.x, x0) <= 0.15  # DDIM keeps the noise of t = 0
    assert (last.index, last.steps) == (steps, steps)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_trailing_step_leads_from_noise_to_the_data(x0, sampler):
    """With "leading" spacing the one step is at t = 1, and its result is still the noise."""
    (step,) = SAMPLERS[sampler](towards(x0), draw_noise(1, x0.shape), timesteps(1, "trailing"))
    assert golden.max_error(step.x, x0) <= 0.15


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_evaluates_at_exactly_the_given_time_steps(x0, sampler):
    visited = []

    def recorded(x, t):
        visited.append(t)
        return towards(x0)(x, t)

    steps = list(SAMPLERS[sampler](recorded, draw_noise(1, x0.shape), [999, 700, 31, 2]))
    assert visited == [999, 700, 31, 2]
    assert [step.index for step in steps] == [1, 2, 3, 4]
    assert golden.max_error(steps[-1].x0, x0) <= 1e-3


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("times", [[], [1, 2], [999, 999], [1000], [-1], [3.5]])
def test_invalid_time_steps_are_refused(x0, sampler, times):
    with pytest.raises(ValueError, match="timesteps must"):
        next(SAMPLERS[sampler](towards(x0), draw_noise(1, x0.shape), times))


def test_the_second_order_solver_is_far_more_accurate_than_ddim():
    """For Gaussian data the flow keeps the quantile of x, so x ends at x * std(0) / std(start)."""
    ones, zeros = torch.ones(1, 1, 1, 1, 1), torch.zeros(1, 1, 1, 1, 1)

    def alpha_sigma(t):
        t = torch.tensor([t])
        return add_noise(ones, zeros, t), add_noise(zeros, ones, t)

    def variance(t):
        alpha, sigma = alpha_sigma(t)
        return 0.25 * alpha**2 + sigma**2

    def gaussian(x, t):
        alpha, sigma = alpha_sigma(t)
        return (alpha * x - 0.25 * alpha / variance(t) * x) / sigma

    def error(sampler, steps):
        times = timesteps(steps)
        *_, last = sampler(gaussian, ones, times)
        return (last.x - (variance(0) / variance(times[0])).sqrt()).abs().item()

    assert error(dpmpp_2m, 20) < 0.6 * error(SAMPLERS["ddim"], 20)


@pytest.mark.parametrize("t", [1, 500, 998])
def test_the_velocity_of_a_denoiser_is_that_of_its_estimate(x0, t):
    eps, step = draw_noise(1, x0.shape), torch.tensor([t])
    x, (alpha, sigma) = add_noise(x0, eps, step), alpha_sigma(t, torch.zeros(1))
    velocity_of = velocity_from_denoiser(lambda y, s: y - s * eps, {t: sigma / alpha})
    torch.testing.assert_close(velocity_of(x, t), velocity(x0, eps, step), atol=1e-3, rtol=1e-3)
