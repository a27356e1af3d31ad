"""ComfyUI's launch options for memory and precision: how weights are kept is not how they compute."""

import pytest

from ...comfyui.server import ComfyServer
from .graphs import VideoGraph, sampled, similarity

LEAST_SIMILARITY = {"--force-fp32": 1.0, "--fp16-unet": 1.0, "--bf16-unet": 0.99, "--fp8_e4m3fn-unet": 0.9}
"""Of each option, the least cosine similarity of the videos with those of the default options. Mini's file is in fp16.

--lowvram and --novram need a GPU; tests/nodes/models/test_offload.py has what they do to the layers.
"""


SLOW = ("--fp16-unet", "--bf16-unet", "--force-fp32")
OPTIONS = [pytest.param(option, marks=[pytest.mark.slow] * (option in SLOW)) for option in LEAST_SIMILARITY]


@pytest.fixture(scope="module")
def expected(server):
    graph = VideoGraph()
    return sampled(server, graph, graph.ksampler(), graph.easy())


@pytest.mark.medium
@pytest.mark.parametrize("option", OPTIONS)
def test_both_samplers_work_with_a_launch_option(tmp_path, expected, option):
    with ComfyServer(tmp_path, options=(option,)) as server:
        graph = VideoGraph()
        videos = sampled(server, graph, graph.ksampler(), graph.easy())
    for video, default in zip(videos, expected, strict=True):
        assert similarity(video, default) > LEAST_SIMILARITY[option] - 1e-6
        assert video.equal(default) == (LEAST_SIMILARITY[option] == 1)
