"""Images as the squares that image encoders take: the pixels of kornia's resize, at any size."""

import pytest
import torch
from kornia.geometry.transform import resize

from higen_core.media.square import center_square

from ..peak import LiveBytes


def images(height, width, count=1):
    return torch.rand(count, height, width, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(32, 32), (90, 160), (161, 97), (33, 31), (31, 47), (8, 20), (400, 33), (1, 9)])
def test_a_square_has_the_pixels_of_an_antialiased_resize(size):
    frames = images(*size, count=2)
    x = frames.movedim(-1, 1)
    x = x if min(size) == 32 else resize(x, 32, side="short", antialias=True)
    top, left = (x.shape[2] - 32) // 2, (x.shape[3] - 32) // 2
    expected = x[:, :, top : top + 32, left : left + 32]
    torch.testing.assert_close(center_square(frames, 32), expected, atol=2e-6, rtol=0)


def test_a_large_image_needs_no_copies_of_its_size():
    frame = images(2000, 3000)
    with LiveBytes(torch.nn.Identity()) as memory:
        center_square(frame, 64)
    assert memory.peak < 1.5 * frame.nbytes  # the frame itself is counted
