"""Noise: determined by its seed, and correlated between frames where the motion cue is low."""

import math
from itertools import pairwise

import pytest
import torch

from higen_core import draw_correlated_noise, draw_noise, draw_video_noise
from higen_core.cues.cues import NULL_MOTION
from higen_core.diffusion.noise import OFFSET_NOISE, correlate_loop, correlate_noise


def test_noise_is_determined_by_its_seed():
    shape = (1, 4, 1, 4, 6)
    assert torch.equal(draw_noise(5, shape), draw_noise(5, shape))
    assert not torch.equal(draw_noise(5, shape), draw_noise(6, shape))


def test_offset_noise_is_one_number_per_frame_and_channel():
    noise, offset = draw_video_noise(0, (2, 4, 6, 8, 8))
    assert noise.shape == (2, 4, 6, 8, 8)
    assert offset.shape == (2, 4, 6, 1, 1)


def test_the_correlation_of_neighboring_frames_falls_with_motion():
    noise = torch.randn(1, 4, 5, 100, 100, generator=torch.Generator().manual_seed(0))
    motion = torch.tensor([[0, 100, 50, NULL_MOTION]])
    correlated = correlate_noise(noise, motion, 100.0)
    assert torch.equal(correlated[:, :, 0], noise[:, :, 0])
    assert torch.equal(correlated[:, :, 1], correlated[:, :, 0])
    assert torch.equal(correlated[:, :, 4], noise[:, :, 4])
    frames = correlated[0].unbind(1)
    correlations = [float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) for a, b in pairwise(frames)]
    assert correlations == pytest.approx([1, math.exp(-1), math.exp(-0.25), 0], abs=0.02)
    assert correlated.std(dim=(1, 3, 4)).flatten().tolist() == pytest.approx([1] * 5, abs=0.02)


def test_a_correlation_of_zero_leaves_noise_unchanged():
    noise = torch.randn(1, 4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(correlate_noise(noise, torch.tensor([[0, 100]]), 0.0), noise)


def test_drawn_noise_has_its_offset_and_is_correlated():
    shape, motion = (2, 4, 3, 5, 6), torch.tensor([0, 100])
    noise, offset = draw_video_noise(7, shape)
    white = draw_correlated_noise(7, shape, motion, 0.0)
    assert torch.equal(white, noise + OFFSET_NOISE * offset)
    correlated = draw_correlated_noise(7, shape, motion, 100.0)
    assert torch.equal(correlated, correlate_noise(white, motion.expand(2, 2), 100.0))
    assert torch.equal(correlated[:, :, 1], white[:, :, 0])


def test_the_noise_of_a_loop_is_correlated_across_its_seam():
    motion = torch.tensor([[0, 100, 200, 300, 400, 200]])
    noise = correlate_loop(draw_noise(0, (1, 4, 7, 200, 200)), motion, 300.0)
    assert noise.std(dim=(1, 3, 4)).sub(1).abs().max() < 0.01
    correlations = torch.corrcoef(noise[0].transpose(0, 1).flatten(1))
    rhos = torch.exp(-(torch.tensor([0, 100, 200, 300, 400, 200, 200]) / 300).square())  # the last: mean motion
    around = rhos.prod()
    expected = (rhos + around / rhos) / (1 + around)
    measured = torch.stack([correlations[i, (i + 1) % 7] for i in range(7)])
    torch.testing.assert_close(measured, expected, atol=0.01, rtol=0)
    assert noise[:, :, 0].sub(noise[:, :, 1]).abs().max() < 1e-4


def test_a_loop_without_correlation_or_with_null_motion_keeps_white_noise():
    noise = draw_noise(0, (1, 4, 5, 8, 8))
    assert correlate_loop(noise, torch.full((1, 4), 100), 0.0) is noise
    torch.testing.assert_close(correlate_loop(noise, torch.full((1, 4), -1000), 300.0), noise)
