"""Motion and similarity of frames are measured as the cues define them."""

import torch

from higen_core.cues.measures import measure_motion, similarity

from ..peak import LiveBytes


def test_motion_is_the_mean_absolute_change_of_a_pixel():
    frames = torch.zeros(3, 4, 4, 3)
    frames[1] = 0.05
    frames[2] = 1.0
    assert measure_motion(frames).tolist() == [500, 1000]
    assert measure_motion(frames, scale=1000).tolist() == [50, 950]


def test_motion_in_a_mask_is_that_of_its_pixels():
    frames = torch.zeros(3, 4, 8, 3)
    frames[1, :, :4] = 0.05
    frames[2] = frames[1]
    frames[2, :, 4:] = 0.02
    left = torch.zeros(1, 2, 4)
    left[..., :2] = 1
    assert measure_motion(frames, mask=left).tolist() == [500, 0]
    assert measure_motion(frames, mask=1 - left).tolist() == [0, 200]
    assert measure_motion(frames, mask=torch.cat([left, left, 0 * left])).tolist() == [500, 0]
    assert measure_motion(frames, mask=0 * left).tolist() == [0, 0]
    assert measure_motion(frames.expand(2, -1, -1, -1, -1), mask=left).tolist() == [[500, 0]] * 2
    noise = torch.rand(5, 8, 8, 3)
    assert measure_motion(noise, 777, torch.ones(1, 1, 1)).equal(measure_motion(noise, 777))


def test_similarity_is_one_for_equal_embeddings_and_zero_at_the_floor():
    embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8]])
    torch.testing.assert_close(similarity(embeddings, floor=0.2)[0], torch.tensor([1.0, 1.0, 0.5]))
    assert similarity(torch.eye(2), floor=0.2)[0, 1] == 0


def test_measuring_motion_takes_a_small_part_of_the_memory_of_the_frames():
    frames = torch.rand(40, 32, 48, 3)
    with LiveBytes(torch.nn.ParameterList([frames]).requires_grad_(False)) as live:
        measure_motion(frames)
    assert live.peak < 0.1 * frames.nbytes
