"""The images and parts that the motion brush is measured on."""

import pytest
import torch

from higen_core.train.sprites.evaluation.parts import HALF, motion_of_parts, two_objects
from higen_core.train.sprites.evaluation.template_matching import match_frame


class Info:
    motion_scale = 1000.0


class Network:
    class model:
        class unet:
            info = Info

        class vae:
            downscale = 8


def test_an_image_has_an_object_in_each_half():
    image = two_objects("green", "panda", "cat")
    background = image[0, 0].clone()
    for half, name in ((slice(0, HALF), "panda"), (slice(HALF, None), "cat")):
        alone = background.expand_as(image).clone()
        alone[:, half] = image[:, half]
        assert match_frame(alone).object == name


def test_motion_is_that_of_a_pixel_of_each_part():
    videos = torch.zeros(1, 3, 4, 2 * HALF, 3)
    videos[:, 1:, :, : HALF + 8] = 0.3
    left, right, apart = motion_of_parts(Network, videos)
    assert left[0].tolist() == pytest.approx([300, 0])
    assert right[0].tolist() == pytest.approx([300 * 8 / HALF, 0])
    assert apart[0].tolist() == [0, 0]
