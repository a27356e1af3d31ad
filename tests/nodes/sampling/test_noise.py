"""Which noise is replaced by that of a video, and how context windows are prepared for frames in the batch."""

import gc
import weakref

import torch
from comfy.context_windows import IndexListContextHandler, get_matching_context_schedule
from higen_pack import higen_core as hg
from higen_pack.nodes.sampling.noise import is_plain_noise
from higen_pack.nodes.sampling.windows import with_frames_in_the_batch

SEED = 3


def test_the_noise_of_a_seed_is_known_also_after_rounding():
    noise = hg.draw_noise(SEED, (8, 4, 8, 8))
    assert is_plain_noise(noise.half().float(), SEED)
    assert is_plain_noise(noise.bfloat16(), SEED)
    assert not is_plain_noise(noise, SEED + 1)
    assert not is_plain_noise(torch.zeros_like(noise), SEED)


def test_context_handlers_are_copied_without_a_cycle():
    handler = IndexListContextHandler(get_matching_context_schedule("standard_static"), None, 8, 4)
    copy = with_frames_in_the_batch(handler)
    options = {"transformer_options": {"sample_sigmas": torch.tensor([3.0, 2.0, 1.0])}}
    copy.set_step(torch.full((8,), 2.0), options)
    assert (copy._step, handler._step) == (1, 0)
    reference = weakref.ref(copy)
    gc.disable()
    del copy
    gc.enable()
    assert reference() is None
